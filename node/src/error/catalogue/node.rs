//! Errors of the node as a whole: its folder, its start, requests to it.

use super::{
    Entry,
    ErrorKind::{
        Conflict, Damaged, FixInput, Internal, NotAuthorised, NotFound, Retry, Unavailable,
    },
    room,
};

room! {
    // The data folder.
    FOLDER_IN_USE = Entry::new(
        "folder_in_use",
        Conflict,
        "Another process holds the data folder. Two nodes on one folder would damage it.",
        "use the running daemon (peerage status), or stop it (peerage down)",
    );
    FOLDER_NOT_EMPTY = Entry::new(
        "folder_not_empty",
        Conflict,
        "A folder that a backup is to be restored to has something in it.",
        "name another folder with --data-dir, or put this one aside with --force",
    );
    FILE_EXISTS = Entry::new(
        "file_exists",
        Conflict,
        "A file that is to be made is there already, and what is in it is not overwritten.",
        "name another file with --out, or move this one away",
    )
    .original("PEER_E_ALREADY_EXISTS");
    INVALID_EXPORT = Entry::new(
        "invalid_export",
        FixInput,
        "An exported file or a backup is damaged, was altered, or is another kind of file. Nothing of it was taken in.",
        "use an unaltered copy of the file",
    )
    .original("E_INVALIDARG");
    NO_KEY_ACCESS = Entry::new(
        "no_key_access",
        NotAuthorised,
        "Permissions deny access to the data folder or a file in it.",
        "run as the owner of the data folder",
    )
    .original("PEER_E_NO_KEY_ACCESS");
    FILE_DAMAGED = Entry::new(
        "file_damaged",
        Damaged,
        "A file of the data folder is not what it should be. Nothing is guessed: the node does not go on without it.",
        "restore the file from a backup, or move it away",
    )
    .original("PEER_E_CERT_STORE_CORRUPTED");
    UNSUPPORTED_VERSION = Entry::new(
        "unsupported_version",
        FixInput,
        "A newer version wrote the file, the invitation or the certificate, in a form this one does not know.",
        "use the version of peerage that wrote it, or a newer one",
    )
    .original("PEER_E_UNSUPPORTED_VERSION");
    DISK_FULL = Entry::new(
        "disk_full",
        Unavailable,
        "There is no room on the disk for what was to be written. What was there before is unharmed.",
        "free some space and try again; nothing was lost",
    )
    .original("PEER_E_DISK_FULL");
    IO = Entry::new(
        "io",
        Unavailable,
        "The system failed to read or write a file; the message has its words.",
        "see to what the message names: the path, the disk, what mounts it",
    );

    // Starting.
    INVALID_SETTING = Entry::new(
        "invalid_setting",
        FixInput,
        "A setting has a value it cannot have, on the command line, in the environment or in the configuration file.",
        "change the setting that is named; all of them are in deploy/peerage.toml",
    );
    UNSAFE_ENVIRONMENT = Entry::new(
        "unsafe_environment",
        FixInput,
        "A variable of the environment would make the node give away secrets.",
        "unset the variable that is named, and start again",
    );
    UNABLE_TO_LISTEN = Entry::new(
        "unable_to_listen",
        Unavailable,
        "The node cannot have the port it is to listen on: another program has it, or the system denies it.",
        "choose another port: peerage up --listen /ip4/0.0.0.0/udp/0/quic-v1",
    )
    .original("PEER_E_UNABLE_TO_LISTEN");
    SOCKET_IN_USE = Entry::new(
        "socket_in_use",
        Conflict,
        "A daemon answers already on the socket of the local API.",
        "use the running daemon (peerage status), or stop it (peerage down)",
    );
    DAEMON_UNREACHABLE = Entry::new(
        "daemon_unreachable",
        Unavailable,
        "No daemon answers on the socket. Most commands are carried out by the running node.",
        "start it with: peerage up",
    )
    .original("PEER_E_NOT_INITIALIZED");

    // Requests.
    INVALID_INPUT = Entry::new(
        "invalid_input",
        FixInput,
        "A value in the request is not one that is taken, or a field is not known. The message names it.",
        "change the value that is named",
    )
    .original("E_INVALIDARG");
    USAGE = Entry::new(
        "usage",
        FixInput,
        "The command line has a command, an option or a value that there is not.",
        "see peerage --help",
    );
    TOO_LARGE = Entry::new(
        "too_large",
        FixInput,
        "The body of the request is larger than any request may be.",
        "send less at once; what is large travels over a direct connection",
    )
    .status(413);
    NOT_JSON = Entry::new(
        "not_json",
        FixInput,
        "The body of a request is JSON and says so.",
        "send the header Content-Type: application/json",
    )
    .status(415);
    INVALID_CURSOR = Entry::new(
        "invalid_cursor",
        FixInput,
        "A cursor is what the same list gave as `next`; anything else leads nowhere.",
        "begin again without a cursor",
    )
    .original("E_INVALIDARG");
    KEY_REUSED = Entry::new(
        "key_reused",
        FixInput,
        "An idempotency key stands for one request. This one came before with another path or body.",
        "choose a new key for each thing to be done",
    )
    .status(422);
    INTERRUPTED = Entry::new(
        "interrupted",
        Conflict,
        "A request with this idempotency key was begun, and the node ended meanwhile. It is not known whether it was carried out.",
        "look whether it was, and if not, send it with a new key",
    );
    NO_SUCH_PATH = Entry::new(
        "no_such_path",
        NotFound,
        "The API has no such path.",
        "GET /v1/openapi.json lists the paths",
    );
    NO_SUCH_METHOD = Entry::new(
        "no_such_method",
        FixInput,
        "The path exists and does not take this method.",
        "GET /v1/openapi.json lists the methods of each path",
    )
    .status(405);
    CODE_NOT_FOUND = Entry::new(
        "code_not_found",
        NotFound,
        "Neither Peerage nor the original Peer Infrastructure has an error of this code, name or number.",
        "list them all with: peerage explain --list",
    )
    .original("PEER_E_NOT_FOUND");

    // Running.
    BUSY = Entry::new(
        "busy",
        Retry,
        "The node has as much to do as it takes on at once. Nothing was done.",
        "try again in a moment",
    );
    TIMED_OUT = Entry::new(
        "timed_out",
        Retry,
        "The answer took too long. It is not known whether what was asked for has happened.",
        "look whether it has happened, or try again in a moment",
    )
    .status(504);
    SHUTTING_DOWN = Entry::new(
        "shutting_down",
        Unavailable,
        "The node is stopping or has stopped.",
        "start it again with: peerage up",
    )
    .again_after(5);
    INTERNAL = Entry::new(
        "internal",
        Internal,
        "Something went wrong in Peerage that should not be able to.",
        "please report this with the daemon's log",
    )
    .original("E_UNEXPECTED");
}
