//! Every bound of the gateway in one place, each with its reason and with what happens at it.
//!
//! The bounds of messages themselves stand in [`ogent_protocol::limits`].

use std::time::Duration;

/// Connections open at once. At the bound new ones wait in the kernel's backlog.
pub(crate) const MAX_CONNECTIONS: usize = 2048;

/// How long a client may take to agree on TLS. Then the connection is closed.
pub(crate) const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// Handshakes of TLS under way at once. At the bound the oldest is given up: an honest one is over within a round trip or
/// two, so whoever fills these places keeps out those who are slower than that only.
pub(crate) const MAX_HANDSHAKES: usize = 1024;

/// How long the head of a request may take, and how long an idle connection is kept. Then the connection is closed.
pub(crate) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest head of a request: an access token and a handful of headers fit many times. Refused with 431.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Most headers of a request: what browsers behind two proxies send, twice. Refused with 431.
pub(crate) const MAX_HEADERS: usize = 64;

/// How long after its approval a command may start, at most. Then it has expired: what was approved for a moment must not
/// surprise anybody on another day.
pub(crate) const START_AFTER_APPROVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Largest body: an intent may have 512 KiB, and JSON may spend escapes on it. Refused with 413.
pub(crate) const MAX_BODY_BYTES: usize = 768 * 1024;

/// Largest form: a name and a password, with every byte escaped, fit thrice. Strangers may send these, so a thousand at
/// once must not cost much. Refused with 413.
pub(crate) const MAX_FORM_BYTES: usize = 16 * 1024;

/// How long a body may take: 768 KiB over a line of 256 kbit/s. Refused with 408.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take none of an answer: as long as a body may take in the other direction. The connection is
/// reset.
pub(crate) const TAKE_WITHIN: Duration = Duration::from_secs(30);

/// How long `execute` waits when the request says nothing, in seconds.
pub(crate) const DEFAULT_WAIT_S: u32 = 10;

/// Longest time that `execute` waits, in seconds: below the 60 s after which common proxies give up. Refused with 400.
pub(crate) const MAX_WAIT_S: u32 = 60;

/// Requests that wait for an outcome at once. At the bound a command is still submitted, and answered with 202 at
/// once: its outcome is not lost, only this connection's wait for it.
pub(crate) const MAX_WAITERS: usize = 1024;

/// A live agent claims within milliseconds; one that has said nothing for this long may have missed the bell.
pub(crate) const RING_AFTER: Duration = Duration::from_secs(1);

/// Time between later rings.
pub(crate) const RING_EVERY: Duration = Duration::from_secs(3);

/// How long a retry with `wait=0` may take to collect an outcome that is already there.
pub(crate) const REPLAY_WITHIN: Duration = Duration::from_secs(5);

/// SSE and WebSocket connections of users at once. Refused with 503; a WebSocket whose client logs in by message is
/// closed with 1013.
pub(crate) const MAX_STREAMS: usize = 1024;

/// Those of one user: half of all, so that nobody takes every place. Refused in the same way.
pub(crate) const MAX_STREAMS_EACH: usize = MAX_STREAMS / 2;

/// WebSockets at once whose clients have yet to send their `auth` message. Each has [`WS_AUTH_WITHIN`] for what takes one
/// round trip, so these places let hundreds log in each second, and whoever fills them keeps out nobody who sends the
/// token in the header. Refused with 503.
pub(crate) const WS_MAX_STRANGERS: usize = 256;

/// Time between keep-alive comments of an SSE stream: proxies commonly cut what is silent for 30 s or 60 s.
pub(crate) const SSE_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Largest message that a WebSocket client may send. The socket is closed.
pub(crate) const WS_MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// What each WebSocket sets aside for reading at once, whoever opens it. Clients say little; the default is 128 KiB.
/// A message that is larger is read in pieces of this size.
pub(crate) const WS_READ_BUFFER_BYTES: usize = 4 * 1024;

/// Topics that one WebSocket follows at once. Refused with an `error` message.
pub(crate) const WS_MAX_SUBSCRIPTIONS: usize = 32;

/// Messages that wait to be written to one WebSocket. At the bound the subscriptions wait: they read from the
/// ledger, so nothing is lost. The list of agents skips, and says so with `gap`.
pub(crate) const WS_OUTBOX: usize = 64;

/// How long a client without a bearer header has to send its `auth` message. The socket is closed.
pub(crate) const WS_AUTH_WITHIN: Duration = Duration::from_secs(5);

/// Time between pings.
pub(crate) const WS_PING_EVERY: Duration = Duration::from_secs(20);

/// How long a client may be silent: two pings without a pong. The socket is closed.
pub(crate) const WS_IDLE: Duration = Duration::from_secs(50);

/// How long a client may take to accept one message. The socket is closed.
pub(crate) const WS_WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Longest name that a client gives to a subscription.
pub(crate) const WS_MAX_REF_BYTES: usize = 64;

/// Password hashes computed at once: each takes 19 MiB and a processor for about 20 ms.
pub(crate) const LOGINS_AT_ONCE: usize = 2;

/// Logins under way, the computing ones included. Refused with 429.
pub(crate) const LOGINS_QUEUED: usize = 32;

/// Longest password that is hashed. Refused with 422.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

/// Longest user name. Refused with 422.
pub(crate) const MAX_USERNAME_BYTES: usize = 256;

/// How long a browser's session may be unused. A working day: who comes back tomorrow logs in again.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(12 * 60 * 60);

/// How long a browser's session may last, however much it is used.
pub(crate) const SESSION_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a session may last for whose roles somebody else has vouched: that is asked again every day, because nobody says
/// when it stops being true.
pub(crate) const SSO_SESSION_AGE: Duration = Duration::from_secs(12 * 60 * 60);

/// How long after the last note of its use a session's use is noted again: it need not be exact, and a note is a write.
pub(crate) const SESSION_TOUCH_AFTER: Duration = Duration::from_secs(5 * 60);

/// How often an open connection asks whether its session goes on, in case it was not told.
pub(crate) const SESSION_CHECK_EVERY: Duration = Duration::from_secs(30);

/// How long a ticket for a WebSocket is good: a page asks for it when it is about to connect.
pub(crate) const TICKET_TTL: Duration = Duration::from_secs(30);

/// How long somebody may take to sign in at the OpenID provider.
pub(crate) const SSO_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How long the OpenID provider may take for one answer. Refused with 503.
pub(crate) const OIDC_ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Largest answer of the OpenID provider: a dozen keys with their certificates fit. Refused with 503.
pub(crate) const OIDC_MAX_ANSWER: usize = 256 * 1024;

/// How long the provider's description and keys are taken as they are.
pub(crate) const OIDC_FRESH: Duration = Duration::from_secs(60 * 60);

/// How soon the provider's keys are read again when one is not known. Whoever makes up keys costs it one request a minute.
pub(crate) const OIDC_REFETCH_AFTER: Duration = Duration::from_secs(60);

/// Commands on one page of the history when the request says nothing.
pub(crate) const DEFAULT_PAGE: usize = 50;

/// Most commands on one page of the history. Refused with 400.
pub(crate) const MAX_PAGE: usize = 200;

/// Pages of the ledger that one request looks through for commands that match. The answer is a short page.
pub(crate) const MAX_SCANS: usize = 16;

/// Time after which a request looks through no further page. The answer is a short page.
pub(crate) const SCAN_WITHIN: Duration = Duration::from_secs(2);

/// Inventories of agents that are kept, by their digest: a fleet has few kinds of machines, and one takes 100 KiB. The
/// oldest makes room.
pub(crate) const MAX_INVENTORIES: usize = 256;

/// How long a command may wait for the inventory of its agent, once for each digest. Judged without it.
pub(crate) const INVENTORY_WITHIN: Duration = Duration::from_millis(500);

/// How soon an inventory that could not be read is asked for again.
pub(crate) const INVENTORY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Agents whose last commands are remembered; of each at most 64 KiB, usually 2. The oldest makes room.
pub(crate) const MAX_REMEMBERED_AGENTS: usize = 1024;

/// How long an analyst may take for what the rules say at once. Then the gateway answers by itself.
pub(crate) const ANALYST_WITHIN: Duration = Duration::from_secs(2);

/// How often it is found out whether an analyst has a model, and how long the analysts have to say so.
pub(crate) const ASK_FOR_MODEL_EVERY: Duration = Duration::from_secs(30);
/// See [`ASK_FOR_MODEL_EVERY`].
pub(crate) const MODEL_WITHIN: Duration = Duration::from_secs(2);

/// Commands that analysts are being told of at once. At the bound a command has no advice.
pub(crate) const MAX_TELLING: usize = 64;

/// How often each gateway looks for proposals that have to end.
pub(crate) const SWEEP_APPROVALS_EVERY: Duration = Duration::from_secs(10);

/// Proposals without an end that a gateway keeps in sight. Those beyond are shown right, and end when somebody looks.
pub(crate) const MAX_SWEPT: usize = 16_384;

/// First events of commands that are read at once for one list.
pub(crate) const FIRST_EVENTS_AT_ONCE: usize = 16;

/// Users beside `admin`, in the users file. Refused at the start.
pub(crate) const MAX_USERS: usize = 1000;

/// Longest note with an access policy. Refused with 422.
pub(crate) const MAX_NOTE_BYTES: usize = 4096;

/// How long requests may take to finish once the gateway is told to stop. Then they are cut off.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Longest access token that is looked at. Refused with 401.
pub(crate) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Longest time that an access token may say it is good for: a day. Refused with 401.
pub(crate) const MAX_TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a session lasts, whatever is done: people log in once a month.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Sessions, and API tokens, of one user. Of sessions the one that was used longest ago makes room; an API token more is
/// refused with 409.
pub(crate) const MAX_GRANTS_EACH: usize = 64;

/// How long an API token is good for when nobody says, and at most. Refused with 422.
pub(crate) const DEFAULT_API_TOKEN_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// See [`DEFAULT_API_TOKEN_LIFE`].
pub(crate) const MAX_API_TOKEN_LIFE: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Shorter ones would end before they are used. Refused with 422.
pub(crate) const MIN_API_TOKEN_LIFE: Duration = Duration::from_secs(60);

/// Longest name of an API token. Refused with 422.
pub(crate) const MAX_TOKEN_NAME_BYTES: usize = 64;

/// Entries of one list in a scope. Refused with 422.
pub(crate) const MAX_SCOPE_ENTRIES: usize = 64;

/// What is kept of a `User-Agent`. Cut.
pub(crate) const MAX_USER_AGENT_BYTES: usize = 128;

/// How long after its first use the refresh token before the current one is exchanged once more, for a client that
/// has not got the answer.
pub(crate) const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// How often an open stream asks whether its session is still good: four times within the five seconds that are promised.
pub(crate) const RECHECK_EVERY: Duration = Duration::from_secs(1);

/// Accounts, networks and pairs of both whose failed log-ins are counted. The one that is free soonest makes room.
pub(crate) const MAX_THROTTLED: usize = 16_384;

/// Networks and users whose requests are counted. Those that have been quiet longest make room.
pub(crate) const MAX_METERED: usize = 16_384;

/// Requests a second of one user when nobody says: more than any person or script, less than would starve others.
pub(crate) const DEFAULT_API_RATE: u32 = 1000;

/// How many seconds of its rate somebody may use at once.
pub(crate) const API_BURST_SECONDS: u32 = 10;

/// Proxies that a request may have passed. What stands farther left in `X-Forwarded-For` is not looked at.
pub(crate) const MAX_HOPS: usize = 16;

/// Security events on one page when nobody says, and at most. Refused with 400.
pub(crate) const DEFAULT_AUDIT_PAGE: usize = 100;
/// See [`DEFAULT_AUDIT_PAGE`].
pub(crate) const MAX_AUDIT_PAGE: usize = 500;
