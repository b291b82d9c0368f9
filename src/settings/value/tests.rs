use super::*;

fn with_zones<R>(work: impl FnOnce(&Zones) -> R) -> R {
    work(&Zones {
        named: &crate::settings::tests::berlin,
        system: TimeZone::UTC,
    })
}

#[track_caller]
fn takes(reader: fn(&str, &Zones) -> Result<String, String>, text: &str, want: &str) {
    assert_eq!(with_zones(|z| reader(text, z)).as_deref(), Ok(want));
}

#[track_caller]
fn refuses(reader: fn(&str, &Zones) -> Result<String, String>, texts: &[&str]) {
    for text in texts {
        let said = with_zones(|z| reader(text, z));
        assert!(said.is_err(), "{text:?} was taken as {said:?}");
    }
}

#[test]
fn a_host_is_a_name_or_an_address_alone() {
    takes(host, "mail.example.com", "mail.example.com");
    takes(host, "büro.example", "büro.example");
    takes(host, "[2001:db8::1]", "2001:db8::1");
    takes(host, "2001:db8::1", "2001:db8::1");
    refuses(
        host,
        &[
            "imaps://mail.example.com",
            "mail.example.com:993",
            "a@example.com",
            "-x.example.com",
            "a..b",
            "a b",
            "mail.example.com/INBOX",
            "x\r\ny",
        ],
    );
}

#[test]
fn addresses_are_told_from_other_usernames() {
    takes(address, "support@example.com", "support@example.com");
    refuses(
        address,
        &[
            "support",
            "CORP\\support",
            "@example.com",
            "a@",
            "a@b@c",
            "<a@b>",
            "a b@c.d",
            "a@b..c",
        ],
    );
}

#[test]
fn folders_are_one_folder_each() {
    takes(folder, "inbox", "INBOX");
    takes(folder, "Support/Ein Fach", "Support/Ein Fach");
    refuses(folder, &["a*", "a%", " a", "a\n"]);
    takes(archive_folder, "Archive/%Y/%m", "Archive/%Y/%m");
    for text in ["Archive %Y", "Archive/%Y %m", "%Y Archive", "%Y"] {
        takes(archive_folder, text, text);
    }
    refuses(archive_folder, &["Archive/%d", "%", "a*", " %Y", "%m "]);
}

#[test]
fn urls_are_http_without_a_password_or_a_query() {
    takes(
        url,
        "https://portal.example.com/api/",
        "https://portal.example.com/api",
    );
    takes(url, "http://127.0.0.1:8080", "http://127.0.0.1:8080");
    takes(url, "http://[::1]:8080/x", "http://[::1]:8080/x");
    refuses(
        url,
        &[
            "portal.example.com",
            "ftp://portal.example.com",
            "https://",
            "https://a:b@portal.example.com",
            "https://portal.example.com/?x",
            "https://portal.example.com:0",
            "https://portal.example.com:x",
            "https://por tal",
        ],
    );
    takes(proxy, "http://proxy:3128/", "http://proxy:3128");
    refuses(
        proxy,
        &[
            "https://proxy:3128",
            "http://proxy:3128/path",
            "proxy:3128",
            "http://u:p@proxy:3128",
        ],
    );
    takes(proxy_user, "branch office", "branch office");
    refuses(proxy_user, &["branch:office", "branch\noffice"]);
}

#[test]
fn sizes_are_read_in_units_and_shown_in_the_largest_that_fits() {
    assert_eq!(octets("2 GiB", 0), Ok(2 << 30));
    assert_eq!(octets("512mib", 0), Ok(512 << 20));
    assert_eq!(octets("500 MB", 0), Ok(500_000_000));
    assert_eq!(octets("123456", 0), Ok(123_456));
    for wrong in [
        "",
        "x",
        "-1",
        "1.5 GiB",
        "2 GiBB",
        "99999999999 TiB",
        "1 MiB",
    ] {
        assert!(octets(wrong, 2 << 20).is_err(), "{wrong}");
    }
    assert_eq!(octets_text(2 << 30), "2 GiB");
    assert_eq!(octets_text(3 << 29), "1536 MiB");
    assert_eq!(octets_text(500_000_000), "500000000");
    assert_eq!(octets_text(0), "0");
}

#[test]
fn a_moment_without_a_zone_is_meant_in_the_given_one() {
    let berlin = crate::settings::tests::berlin("Europe/Berlin").unwrap();
    let read = |text| moment(text, &berlin).map(moment_text);
    assert_eq!(read("2026-01-31").as_deref(), Ok("2026-01-30T23:00:00Z"));
    assert_eq!(
        read("2026-07-31 08:30").as_deref(),
        Ok("2026-07-31T06:30:00Z")
    );
    assert_eq!(
        read("2026-07-31T08:30:15").as_deref(),
        Ok("2026-07-31T06:30:15Z")
    );
    assert_eq!(
        read("2026-07-31T08:30:15.25Z").as_deref(),
        Ok("2026-07-31T08:30:15.25Z")
    );
    assert_eq!(
        read("2026-07-31T08:30:15-05:00").as_deref(),
        Ok("2026-07-31T13:30:15Z")
    );
    assert!(read("31.07.2026").is_err());
    assert!(read("soon").is_err());
    assert_eq!(
        moment_shown(Wall(1_769_814_000_000), &berlin),
        "Saturday 2026-01-31 00:00:00 +01:00 Europe/Berlin (2026-01-30T23:00:00Z)"
    );
}

#[test]
fn a_certificate_authority_is_pem_without_a_key() {
    refuses(
        pem,
        &[
            "",
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n",
        ],
    );
    let certificate = include_str!("../fixtures/authority.pem");
    takes(pem, certificate, certificate);
}

#[test]
fn a_pin_is_sixty_four_hex_digits_with_or_without_colons() {
    let plain = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let colons = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                  00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
    takes(digest, plain, plain);
    takes(digest, colons, plain);
    refuses(
        digest,
        &["", "00", &plain.replace('0', "+"), &plain.replace('0', "é")],
    );
}
