#!/usr/bin/env bash
# Makes the mails of real programs again (tests/mail/PROGRAMS.md says which of the fixtures are theirs).
#
#   ./scripts/real-mails.sh [FOLDER] [PART...]    into FOLDER (.run/real-mails), all parts or some:
#                                                 postfix_mails answers exims lists watchers readers
#                                                 libraries sealed
#
# Debian 12, as root: a root of Debian's packages is made in .tools/real once (900 MB, some minutes, by
# mmdebstrap, which is unpacked beside it). The programs run in there, in namespaces of their own: no network
# but the loop, the host name mx.branch.example, and whatever they write is thrown away with an overlay.
# Dates, queue numbers, boundaries and keys are those of the run: the octets are never the same twice, so
# what is found is looked at and kept by hand, with its .want.

set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/lib/common.sh
. "$ROOT/scripts/lib/common.sh"

HOME_OF_IT=$ROOT/.tools/real
OUT=$(realpath -m "${1:-$ROOT/.run/real-mails}")
[ $# -eq 0 ] || shift
PACKAGES=(postfix mutt neomutt s-nail bsd-mailx mailutils mpack procmail vacation mlmmj cron at anacron sudo
    mon monit logwatch fail2ban smartmontools pflogsumm spamassassin swaks nmh git git-email emacs-nox
    dovecot-core dovecot-lmtpd dovecot-sieve php-cli libphp-phpmailer php-mail-mime php-symfony-mailer
    php-swiftmailer ruby-mail libmime-lite-perl libmime-tools-perl libemail-stuffer-perl libmail-box-perl
    python3 python3-django python3-icalendar nodejs node-nodemailer gnupg openssl sharutils expect iproute2
    procps)
# What would stand in Postfix's way, or bring too much: unpacked, not installed.
BESIDE=(exim4-daemon-light exim4-base libevent-2.1-7 libgnutls-dane0 libunbound8 nagios4-common icinga2-common)

make_root() {
    local new=$HOME_OF_IT.new packages package
    say "making a Debian in $HOME_OF_IT: some minutes"
    rm -rf "$new" "$HOME_OF_IT.tools"
    mkdir -p "$HOME_OF_IT.tools"
    (cd "$HOME_OF_IT.tools" && apt-get download -qq mmdebstrap && dpkg -x mmdebstrap_*.deb .)
    packages=$(IFS=,; echo "${PACKAGES[*]}")
    # Some packages write the host's name into their settings.
    unshare --uts bash -c 'hostname mx.branch.example && exec "$@"' - \
        perl "$HOME_OF_IT.tools/usr/bin/mmdebstrap" --mode=root --variant=apt --skip=check/empty \
        --aptopt='APT::Install-Recommends "false"' --include="$packages" \
        bookworm "$new" http://deb.debian.org/debian
    mkdir -p "$new/opt/unpacked"
    cp /etc/resolv.conf "$new/etc/resolv.conf"
    chroot "$new" sh -c "apt-get update -qq && cd /opt/unpacked && apt-get download -qq ${BESIDE[*]}"
    for package in "$new"/opt/unpacked/*.deb; do
        case ${package##*/} in
        lib*) dpkg -x "$package" "$new" ;;
        exim4*) dpkg -x "$package" "$new/opt/exim" ;;
        nagios*) dpkg -x "$package" "$new/opt/nagios" ;;
        icinga*) dpkg -x "$package" "$new/opt/icinga" ;;
        esac
    done
    rm -rf "$new/opt/unpacked" "$HOME_OF_IT.tools"
    mv "$new" "$HOME_OF_IT"
}

[ "$(id -u)" = 0 ] || fail 'it takes root: for a chroot and namespaces'
[ -d "$HOME_OF_IT" ] || make_root
mkdir -p "$OUT" "$HOME_OF_IT"/{real,out}

# Inside: an overlay over the root, so that each run begins with the same one.
# shellcheck disable=SC2016 # its own shell's words
exec unshare --uts --net --pid --mount --ipc --fork --kill-child bash -ec '
    root=$1 real=$2 out=$3
    shift 3
    hostname mx.branch.example
    mount --make-rprivate /
    over=$(mktemp -d)
    mount -t tmpfs tmpfs "$over"
    mkdir "$over/upper" "$over/work"
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$over/upper,workdir=$over/work" "$root"
    mount --bind "$out" "$root/out"
    mount --bind "$real" "$root/real"
    mount -t proc proc "$root/proc"
    mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666
    mount -t tmpfs tmpfs "$root/run"
    echo "127.0.0.1 localhost mx.branch.example mx" >"$root/etc/hosts"
    : >"$root/etc/resolv.conf"
    echo mx.branch.example >"$root/etc/hostname"
    echo branch.example >"$root/etc/mailname"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TZ=Europe/Berlin \
        bash /real/mails.sh "$@"
' - "$HOME_OF_IT" "$ROOT/scripts/real" "$OUT" "$@"
