//! The rows of the portal's section.

use super::{value, Field, Portal, Setting, SignIn, Slot, Words};

pub(in crate::settings) static PORTAL: &[Setting<Portal>] = &[
    Setting {
        key: "url",
        label: "Portal",
        help: "Where the portal's API begins, such as https://portal.example.com/api.",
        slot: Slot::Text(field!(url), value::url),
    },
    Setting {
        key: "sign_in",
        label: "Sign-in",
        help: "token: by the token below; oauth: by tokens that the token endpoint gives to client id and secret.",
        slot: choice!(SignIn, sign_in),
    },
    Setting {
        key: "token",
        label: "Token",
        help: "The bearer token; typed at a prompt or given on standard input, kept sealed.",
        slot: Slot::Secret(field!(token), value::any_secret),
    },
    Setting {
        key: "token_url",
        label: "Token endpoint",
        help: "Gives tokens (OAuth 2.0 client credentials), such as https://login.example.com/oauth/token.",
        slot: Slot::Text(field!(token_url), value::endpoint),
    },
    Setting {
        key: "client_id",
        label: "Client id",
        help: "As whom tokens are asked for.",
        slot: Slot::Text(field!(client_id), value::line),
    },
    Setting {
        key: "client_secret",
        label: "Client secret",
        help: "What goes with it; typed at a prompt or given on standard input, kept sealed.",
        slot: Slot::Secret(field!(client_secret), value::any_secret),
    },
    Setting {
        key: "scope",
        label: "Scope",
        help: "What tokens are asked for, with a space between several; unset where nothing need be said.",
        slot: Slot::Maybe(field!(scope), value::line),
    },
    Setting {
        key: "client_cert_pem",
        label: "Client certificate",
        help: "This box's own, PEM with its chain behind it, for a portal or token endpoint that wants one.",
        slot: Slot::Maybe(field!(client_cert_pem), value::chain),
    },
    Setting {
        key: "client_key_pem",
        label: "Client key",
        help: "The certificate's key, PKCS #8 as PEM; from a file (@FILE) or on standard input, kept sealed.",
        slot: Slot::Secret(field!(client_key_pem), value::private_key),
    },
    Setting {
        key: "timeout_ms",
        label: "Timeout (ms)",
        help: "How long the portal may keep silent, 1000 to 600000; an attachment that still moves is not cut off.",
        slot: Slot::Number {
            field: field!(timeout_ms),
            least: 1_000,
            most: 600_000,
            unit: " milliseconds",
        },
    },
    Setting {
        key: "ca_pem",
        label: "Certificate authority",
        help: "Your own, as PEM, believed beside the system's.",
        slot: Slot::Maybe(field!(ca_pem), value::pem),
    },
    Setting {
        key: "pinned",
        label: "Pinned certificate",
        help: "SHA-256 of the portal's one certificate to accept; a token endpoint elsewhere needs an authority.",
        slot: Slot::Maybe(field!(pinned), value::digest),
    },
    Setting {
        key: "proxy",
        label: "Proxy",
        help: "An HTTP proxy on the way to portal and token endpoint, such as http://proxy.example.com:3128.",
        slot: Slot::Maybe(field!(proxy), value::proxy),
    },
    Setting {
        key: "proxy_user",
        label: "Proxy user",
        help: "As whom the proxy is asked, where it wants a password; it gets both in clear (Basic).",
        slot: Slot::Maybe(field!(proxy_user), value::proxy_user),
    },
    Setting {
        key: "proxy_password",
        label: "Proxy password",
        help: "What goes with it; typed at a prompt or given on standard input, kept sealed.",
        slot: Slot::Secret(field!(proxy_password), value::any_secret),
    },
    Setting {
        key: "ticket_tag",
        label: "Ticket tag",
        help: "How it marks subjects with a ticket's id, such as [Desk #{ticket}]; replies are known by it.",
        slot: Slot::Maybe(field!(ticket_tag), value::ticket_tag),
    },
    Setting {
        key: "reply_secrets",
        label: "Earlier reply secrets",
        help: "What made the reply tokens of boxes before this one; a sealed export brings them along.",
        slot: Slot::Secret(field!(reply_secrets), value::reply_secrets),
    },
];
