//! The rows of the store.

use super::*;

pub(in crate::settings) static STORE: &[Setting<Store>] = &[
    Setting {
        key: "quota",
        label: "Quota",
        help: "What undelivered and kept messages may take on the disk; then the mailbox itself waits.",
        slot: Slot::Octets {
            field: field!(quota_bytes),
            least: 64 << 20,
        },
    },
    Setting {
        key: "free_min",
        label: "Minimum free space",
        help: "What must stay free on the disk; below it nothing is fetched.",
        slot: Slot::Octets {
            field: field!(free_bytes_min),
            least: 16 << 20,
        },
    },
    Setting {
        key: "retain_days",
        label: "Retention (days)",
        help: "How long archived messages are kept here too, 0 to 3650.",
        slot: Slot::Number {
            field: field!(retain_days),
            least: 0,
            most: 3_650,
            unit: " days",
        },
    },
    Setting {
        key: "retain_max",
        label: "Retention (size)",
        help: "What archived messages may take here; the oldest go first.",
        slot: Slot::Octets {
            field: field!(retain_bytes_max),
            least: 0,
        },
    },
];
