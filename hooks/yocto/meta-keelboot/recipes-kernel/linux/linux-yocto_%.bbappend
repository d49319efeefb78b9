require ${@bb.utils.contains('DISTRO_FEATURES', 'keelboot', 'linux-keelboot.inc', '', d)}
