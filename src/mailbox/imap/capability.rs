//! What a server says that it can do (RFC 3501 §7.2.1). Pure.

use async_imap::imap_proto::Capability;

/// What a server can do, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// MOVE (RFC 6851).
    pub moves: bool,
    /// UIDPLUS (RFC 4315).
    pub uidplus: bool,
    /// IDLE (RFC 2177).
    pub idle: bool,
    /// SPECIAL-USE (RFC 6154).
    pub special_use: bool,
    /// NAMESPACE (RFC 2342).
    pub namespace: bool,
    /// ID (RFC 2971).
    pub id: bool,
    /// QUOTA (RFC 2087, RFC 9208).
    pub quota: bool,
    /// The rights of RFC 4314, each for one thing (ACL, RIGHTS=).
    pub rights: bool,
    /// Initial responses (RFC 4959).
    pub sasl_ir: bool,
    /// STARTTLS (RFC 3501 §6.2.1).
    pub starttls: bool,
    /// LOGINDISABLED (RFC 3501 §6.2.3).
    pub login_disabled: bool,
    /// AUTH=PLAIN (RFC 4616).
    pub auth_plain: bool,
    /// Gmail's extensions.
    pub gmail: bool,
    /// All names, in capitals, as they were offered.
    pub offered: Vec<String>,
}

impl Abilities {
    /// Reads capability names.
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut abilities = Self::default();
        for name in names {
            let name = name.to_ascii_uppercase();
            match name.as_str() {
                "MOVE" => abilities.moves = true,
                "UIDPLUS" => abilities.uidplus = true,
                "IDLE" => abilities.idle = true,
                "SPECIAL-USE" => abilities.special_use = true,
                "NAMESPACE" => abilities.namespace = true,
                "ID" => abilities.id = true,
                "QUOTA" => abilities.quota = true,
                "SASL-IR" => abilities.sasl_ir = true,
                "STARTTLS" => abilities.starttls = true,
                "LOGINDISABLED" => abilities.login_disabled = true,
                "AUTH=PLAIN" => abilities.auth_plain = true,
                "X-GM-EXT-1" => abilities.gmail = true,
                _ => {
                    let rights = name.strip_prefix("RIGHTS=");
                    abilities.rights |= rights.is_some_and(|r| r.contains('E') && r.contains('T'));
                }
            }
            abilities.offered.push(name);
        }
        abilities
    }

    /// Takes over what the parser read.
    pub(super) fn parsed(capabilities: &[Capability<'_>]) -> Self {
        let names: Vec<String> = capabilities
            .iter()
            .map(|capability| match capability {
                Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
                Capability::Auth(mechanism) => format!("AUTH={mechanism}"),
                Capability::Atom(name) => name.to_string(),
            })
            .collect();
        Self::of(names.iter().map(String::as_str))
    }

    /// Reads the CAPABILITY code of a greeting; `None` when it has none.
    pub(super) fn in_greeting(line: &str) -> Option<Self> {
        let (_, behind) = line.split_once('[')?;
        let (code, _) = behind.split_once(']')?;
        let mut words = code.split(' ');
        words
            .next()
            .filter(|w| w.eq_ignore_ascii_case("CAPABILITY"))?;
        Some(Self::of(words))
    }

    /// The ways to sign in that were offered, for people.
    pub(super) fn ways(&self) -> String {
        let ways: Vec<&str> = self
            .offered
            .iter()
            .filter(|n| n.starts_with("AUTH=") || *n == "LOGINDISABLED")
            .map(String::as_str)
            .collect();
        if ways.is_empty() {
            "nothing".to_owned()
        } else {
            ways.join(" ")
        }
    }
}
