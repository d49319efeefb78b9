# Sets key: the path of NAME.key and NAME.pem, without the ending.
# shellcheck shell=sh
key=$(sed -n 's/^BR2_PACKAGE_HOST_KEELBOOT_KEY="\(.*\)"$/\1/p' "$BR2_CONFIG")
if [ -z "$key" ]; then
	key=$BASE_DIR/keelboot/development
	mkdir -p "$BASE_DIR/keelboot"
	[ -e "$key.key" ] || "$HOST_DIR/bin/keelboot" key generate -o "$key"
fi
