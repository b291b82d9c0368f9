//! A server that does as the test says, on a loopback port: one thread, one connection after the
//! other.
//!
//! What a mail server does wrong, and the test for it (rows of the project's list of faults; beside
//! `tests/imap.rs` and the files next to this one they stand in `end_to_end` and `crash`):
//!
//! | row | test |
//! |---|---|
//! | 11 drops after each command, in each answer | `a_connection_that_drops_after_each_command_and_in_each_answer_is_lost` |
//! | 12 BYE, PREAUTH, another protocol | `a_server_that_says_goodbye_first_gets_no_password`, `a_server_that_signs_in_everybody_gets_no_password`, `other_protocols_are_named` |
//! | 12 TLS on a plain port, and the reverse | `a_tls_port_taken_for_a_plain_one_is_recognised`, `a_plain_server_on_a_tls_port_is_recognised`, `a_port_that_speaks_no_tls_is_named_with_what_to_set` |
//! | 13 STARTTLS stripped, refused, injected | `starttls_never_falls_back`, `octets_injected_behind_starttls_drop_the_connection`, `what_was_offered_before_starttls_is_forgotten_after_it` |
//! | 14 certificates | `each_blemish_of_a_certificate_is_told_and_pinning_settles_it`, `a_certificate_that_is_not_trusted_is_explained_and_can_be_pinned` (wrong name) |
//! | 14 only older TLS | `a_server_that_speaks_only_older_tls_is_named_with_a_mend` |
//! | 15 UIDVALIDITY | `a_new_uidvalidity_in_the_middle_is_told`, `numbers_that_begin_anew_double_nothing` |
//! | 16 archive gone, full, read-only | `an_archive_folder_that_disappeared_is_made_again_once`, `a_full_archive_is_said_at_once`, `an_archive_that_takes_nothing_is_said_at_once`, `an_archive_that_takes_nothing_is_found_before_it_is_needed` |
//! | 16 a folder that may be read and not emptied | `what_may_not_be_removed_is_not_copied`, `what_may_be_copied_and_not_removed_is_not_copied_and_goes_once_it_may` |
//! | 17 no MOVE | `without_move_nothing_is_moved_unless_the_operator_lets_it_be_copied` |
//! | 18 NO for one of a batch | `one_message_that_can_not_be_moved_does_not_keep_the_others` |
//! | 18 one message that can't be read | `a_look_that_is_denied_over_one_message_tells_of_all_others`, `a_message_that_the_server_can_not_read_keeps_no_other_and_is_named` |
//! | 19 somebody else is at it | `messages_that_vanished_are_in_no_answer`, `windows_skip_nothing_while_others_remove_messages`, `what_somebody_reads_moves_or_deletes_while_it_is_held_is_closed_with_the_reason` |
//! | 20 two boxes | `two_appliances_on_one_mailbox_double_nothing` |
//! | 21 dead connections | `a_peer_that_goes_silent_in_idle_is_noticed_within_a_minute`, `keep_alives_hide_no_server_that_answers_nothing`, `a_silent_server_without_idle_is_noticed_within_a_minute`, `a_peer_that_goes_silent_in_the_middle_of_a_message_is_noticed_within_a_minute` |
//! | 22 sizes, literals, endless lines, nesting | `a_message_larger_than_announced_is_completed`, `what_no_server_may_send_is_refused_by_name` |
//! | 22 unsolicited answers | `answers_that_nobody_asked_for_change_nothing` |
//! | 23 wrong password | `a_refused_password_is_tried_again_by_nothing_but_the_operators_word`, `a_server_that_asks_for_more_than_the_password_gets_no_more` |
//!
//! And what the protocol allows, or servers and crates do:
//!
//! | oddity | test |
//! |---|---|
//! | NO and BAD look like no results | `a_denied_search_is_no_empty_mailbox` |
//! | ESEARCH and other unknown answers | `unknown_answers_are_left_out_with_their_literals` |
//! | slices: empty past the end, short ones, any order | `a_large_message_comes_in_slices`, `short_slices_leave_no_gap`, `slices_that_overtake_each_other_stay_in_order` |
//! | long SEARCH answers, so windows | `messages_that_go_between_two_windows_make_none_be_skipped` |
//! | `n:*` holds the last message | `the_last_message_is_not_listed_again_by_a_pass_from_behind_it` |
//! | SINCE counts the server's days | `the_day_before_is_asked_for_since_servers_count_days_of_their_own` |
//! | Microsoft's empty SEARCH | `an_empty_search_is_compared_with_the_servers_own_count` |
//! | Gmail's archive | `gmails_archive_is_all_mail_whatever_its_name` |
//! | ways to sign in | `each_way_to_sign_in_is_used_where_it_is_offered` |
//! | modified UTF-7 | `an_archive_folder_with_any_name_is_made_and_subscribed` |
//! | NAMESPACE, separators | `the_archive_is_made_below_the_personal_prefix_by_its_separator`, `a_folder_tree_below_the_inbox_gets_its_archive_there`, `cyrus_lists_fetches_archives_below_its_prefix_and_idles` |
//! | ID | `whatever_is_answered_to_our_id_the_session_goes_on_and_it_tells_nothing_of_the_site` |
//! | keep-alives | `keep_alives_are_no_news_and_a_denied_idle_is_done_without` |

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use postern::mailbox::{Account, Security};
use postern::world::{Secret, Trust};

/// How long a client may keep a script waiting.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection, seen from the server.
pub struct Peer {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Peer {
    /// Sends octets as they are.
    pub fn say(&mut self, octets: impl AsRef<[u8]>) {
        // The client may be gone already: that is what some tests are about.
        let _ = self.stream.write_all(octets.as_ref());
    }

    /// Reads a line; empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.lines.read_line(&mut line);
        line.trim_end().to_owned()
    }

    /// Reads a command that begins with `verb`; returns its tag.
    pub fn hear(&mut self, verb: &str) -> String {
        let line = self.line();
        Self::tag(&line, verb)
    }

    /// The tag of a command that must begin with `verb`.
    fn tag(line: &str, verb: &str) -> String {
        let (tag, command) = line.split_once(' ').unwrap_or(("", ""));
        assert!(command.starts_with(verb), "{verb} expected, heard: {line}");
        tag.to_owned()
    }

    /// Reads a command and answers it.
    pub fn answer(&mut self, verb: &str, data: &str, status: &str) {
        let tag = self.hear(verb);
        self.say(format!("{data}{tag} {status}\r\n"));
    }

    /// The same, with a NOOP before it or none: a client that asked a moment ago need not ask again.
    pub fn answer_soon(&mut self, verb: &str, data: &str, status: &str) {
        let mut line = self.line();
        if let Some(tag) = line.strip_suffix(" NOOP") {
            self.say(format!("{tag} OK\r\n"));
            line = self.line();
        }
        let tag = Self::tag(&line, verb);
        self.say(format!("{data}{tag} {status}\r\n"));
    }

    /// Greets and lets everyone in.
    pub fn sign_in(&mut self, abilities: &str) {
        self.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n");
        let status = format!("OK [CAPABILITY IMAP4rev1 ENABLE {abilities}")
            .trim_end()
            .to_owned()
            + "] in";
        self.answer("AUTHENTICATE PLAIN ", "", &status);
    }

    /// Opens a folder with that many messages.
    pub fn select(&mut self, exists: u32) {
        let data = format!("* {exists} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n");
        self.answer("SELECT ", &data, "OK [READ-WRITE] open");
    }

    /// Says that it is still here, several times a second, and answers nothing, until a line comes;
    /// empty when the client hung up.
    pub fn keep_alive(&mut self) -> String {
        let often = Duration::from_millis(50);
        self.stream.set_read_timeout(Some(often)).unwrap();
        let mut line = String::new();
        while let Err(e) = self.lines.read_line(&mut line) {
            if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                break;
            }
            self.say("* OK Still here\r\n");
        }
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits until the client hangs up.
    pub fn until_gone(&mut self) {
        while !self.line().is_empty() {}
    }
}

/// Starts a server that runs `script` for each connection, with its number; returns how to get
/// there.
pub fn scripted(script: impl Fn(usize, &mut Peer) + Send + 'static) -> Account {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap());
            script(number, &mut Peer { stream, lines });
        }
    });
    Account {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        trust: Trust::System,
        username: "user".to_owned(),
        password: Secret::new("secret".to_owned()),
        timeout: Duration::from_secs(4),
    }
}
