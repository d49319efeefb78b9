# SPDX-License-Identifier: Apache-2.0
# Completion of keelboot(1) for fish. Made from the command's own help: tests/test_completion.py --write

function __keelboot_words
    switch "$argv[1]"
        case ''
            printf '%s\n' status mark stage unstage install switch reset-data history why check health guard measure loader doctor check-config adopt state fleet bundle channel key image version help --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case status
            printf '%s\n' --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case mark
            printf '%s\n' bad booted clean good other --reason --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case stage
            printf '%s\n' --by-fleet --index --progress --ranges --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case unstage
            printf '%s\n' --by-fleet --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case install
            printf '%s\n' --again --progress --reboot --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case switch
            printf '%s\n' other --force --once --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case reset-data
            printf '%s\n' --cancel --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case history
            printf '%s\n' --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case why
            printf '%s\n' --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case check
            printf '%s\n' --json --timeout --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case health
            printf '%s\n' check commit migrate watch --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case guard
            printf '%s\n' bad begin clean good status why --json --reason --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case measure
            printf '%s\n' --compatible --json --pcr --text --tier --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case loader
            printf '%s\n' install keep status --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case doctor
            printf '%s\n' --json --sys-root --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case check-config
            printf '%s\n' --json --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case adopt
            printf '%s\n' --commands --compatible --data --dry-run --from --key --sequence --sys-root --version --yes --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case state
            printf '%s\n' export init show --bundle --floor --force --good --json --offset --sequence --size --slots --state --text --trial --version --conf-root --run-dir --slot --verbose --wait --help
        case fleet
            printf '%s\n' once run status --conf-root --dry-run --help --json --keelboot --metrics --now --run-dir --version --when-due --offset --size --slot --state --verbose --wait
        case bundle
            printf '%s\n' create sign verify inspect extract
        case 'bundle create'
            printf '%s\n' --allow-downgrade --build --chunk-size --compatible --compress --description --floor --frame-size --from --full --help --image --key --level --output --processor --recompress --sequence --sig-capacity --threads --verity --version
        case 'bundle sign'
            printf '%s\n' --attach --emit-digest --help --key --output
        case 'bundle verify'
            printf '%s\n' --from --help --json --key --keys --signatures-required
        case 'bundle inspect'
            printf '%s\n' --from --help --json --key --keys --signatures-required
        case 'bundle extract'
            printf '%s\n' --from --help --image --key --keys --output --signatures-required
        case channel
            printf '%s\n' create sign inspect
        case 'channel create'
            printf '%s\n' --attribute --daily --expires --from --help --name --not-after --not-before --output --percent --sequence --url --valid --withdrawn
        case 'channel sign'
            printf '%s\n' --attach --emit-digest --help --key --output
        case 'channel inspect'
            printf '%s\n' --help --json --key --keys --signatures-required
        case key
            printf '%s\n' generate show
        case 'key generate'
            printf '%s\n' --help --json --output --type
        case 'key show'
            printf '%s\n' --help --json --output --type
        case image
            printf '%s\n' build boot loop test disk kernel
        case 'image build'
            printf '%s\n' --add --addon --busybox --check --cmdline --compress --conf --conf-dir --debug-shell --firmware-dir --for-this-machine --guardian --help --helper --hooks --init --keys --level --load-all --module --module-set --modules-dir --os-release --output --programs --stub --sys --uki --uki-certificate --uki-key --uname --verbose --window
        case 'image boot'
            printf '%s\n' --accel --append --cpu --disk --dry-run --firmware --help --initrd --kernel --log --memory --no-reboot --nvme --qemu-arg --sd --smp --usb --watchdog
        case 'image loop'
            printf '%s\n' --accel --append --boots --cpu --disk --firmware --help --initrd --json --kernel --log --mark --memory --nvme --qemu-arg --quiet --sd --smp --then --timeout --usb --watchdog
        case 'image test'
            printf '%s\n' --accel --append --boot-limit --bundle --bus --compatible --conf --firmware --help --initrd --jobs --kernel --key --limit --memory --modules-dir --no-watchdog --output --quiet --roots --scenario --smp
        case 'image disk'
            printf '%s\n' --extract --fs --help --list --part --replace --sector --seed --size --table
        case 'image kernel'
            printf '%s\n' --arch --deb --dir --extract --help --package --print --suite --update
        case version
            printf '%s\n' --conf-root --offset --run-dir --size --slot --state --verbose --wait --help
        case help
            printf '%s\n' status mark stage unstage install switch reset-data history why check health guard measure loader doctor check-config adopt state fleet bundle channel key image version help
    end
end

# Options whose value is the next word.
function __keelboot_takes_value
    contains -- "$argv[1]" --accel --add --allow-downgrade --append --arch --attach --attribute --boot-limit --boots --build --bundle --bus --busybox --check --chunk-size --cmdline --compatible --compress --conf --conf-dir --conf-root --cpu --daily --data --deb --description --dir --disk --emit-digest --expires --extract --firmware --firmware-dir --floor --frame-size --from --fs --full --good --guardian --helper --hooks --image --index --init --initrd --jobs --keelboot --kernel --key --keys --level --limit --log --mark --memory --module --module-set --modules-dir --name --not-after --not-before --nvme --offset --os-release --output --package --part --pcr --percent --processor --programs --progress --qemu-arg --reason --recompress --replace --roots --run-dir --scenario --sd --seed --sequence --sig-capacity --signatures-required --size --slot --slots --smp --state --stub --suite --sys --sys-root --table --then --threads --tier --timeout --trial --type --uki --uki-certificate --uki-key --uname --url --usb --valid --version --wait --window --withdrawn -n -o
end

# The values of those that take one of a few: by verb and option.
function __keelboot_values
    switch "$argv[1] $argv[2]"
        case 'stage --progress'
            printf '%s\n' auto bar plain json none
        case 'install --progress'
            printf '%s\n' auto bar plain json none
        case 'key --type'
            printf '%s\n' ed25519 p256
        case 'bundle create --allow-downgrade'
            printf '%s\n' yes no
        case 'bundle create --compress'
            printf '%s\n' auto zstd none
        case 'bundle create --full'
            printf '%s\n' yes no
        case 'bundle create --recompress'
            printf '%s\n' yes no
        case 'key generate --type'
            printf '%s\n' ed25519 p256
        case 'key show --type'
            printf '%s\n' ed25519 p256
        case 'image build --compress'
            printf '%s\n' none gzip lz4 zstd xz
        case 'image loop --then'
            printf '%s\n' wait reset cut button
        case 'image test --accel'
            printf '%s\n' auto kvm tcg
        case 'image test --bus'
            printf '%s\n' virtio nvme usb sd
        case 'image disk --table'
            printf '%s\n' gpt mbr
        case 'image kernel --arch'
            printf '%s\n' amd64 arm64 armhf riscv64 s390x
    end
end

function __keelboot_verb
    set -l verb
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if __keelboot_takes_value $word
            set skip 1
        else if not string match -q -- '-*' $word
            set -a verb $word
            contains -- "$verb" bundle channel key image; or break
        end
    end
    echo "$verb"
end

function __keelboot_offers
    set -l verb (__keelboot_verb)
    set -l prev (commandline -opc)[-1]
    set -l cur (commandline -ct)
    if string match -q -- '--*=*' $cur
        set -l option (string split -m 1 = -- $cur)[1]
        for value in (__keelboot_values $verb $option)
            echo $option=$value
        end
    else if __keelboot_takes_value $prev
        __keelboot_values $verb $prev
    else
        __keelboot_words $verb
    end
end

# Files, where nothing is known to fit.
function __keelboot_wants_file
    set -l verb (__keelboot_verb)
    set -l prev (commandline -opc)[-1]
    if __keelboot_takes_value $prev
        test -z (__keelboot_values $verb $prev | string collect)
    else
        test -n "$verb"
    end
end

complete -c keelboot -f -a '(__keelboot_offers)'
complete -c keelboot -n __keelboot_wants_file -F
