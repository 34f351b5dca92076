/**
 * `holdfast help agents`: how a language model's agent uses this program, on one page. A test runs its commands, and writes what they print.
 */

export const agentsGuide = `# Using MCP servers by the command holdfast

Results are on stdout, everything else on stderr. \`--json\` makes both JSON, a line each. Nothing asks you anything: what is missing is an
error with an exit code. A daemon keeps the servers running, so call as often as you like.

## List

    $ holdfast servers --quiet
    SERVER  FROM       STATE        ERA  TOOLS  MEMORY  WHAT IT IS
    fs      .mcp.json  not started  -    -      -       /usr/bin/node /usr/lib/server-filesystem.js .
    db      .mcp.json  not started  -    -      -       /usr/bin/node db.js

    $ holdfast tools fs.read_text_file
    fs.read_text_file  read-only

    Read the complete contents of a file from the file system as text. Handles various text encodings and provides detailed error messages if the file cannot be read. Use this tool when you need to examine the contents of a single file. Use the 'head' parameter to read only the first N lines of a file, or the 'tail' parameter to read only the last N lines of a file. Operates on the file as text regardless of extension. Only works within allowed directories.

      path  string  required
      tail  number            If provided, returns only the last N lines of the file
      head  number            If provided, returns only the first N lines of the file

    # An example:
    holdfast call fs.read_text_file path=path

\`holdfast tools\` lists the tools of all servers; add \`--json\` for their JSON Schemas.

## Call

Arguments are key=value, as the type that the tool wants; key:=json for lists and objects; key=@file for the text of a file; or all of them
as one object by --args.

    $ holdfast call fs.read_text_file path=notes.txt
    Buy milk

    $ holdfast call fs.read_text_file --args '{"path":"notes.txt"}' --json
    {"content":[{"type":"text","text":"Buy milk\\n"}],"structuredContent":{"content":"Buy milk\\n"}}

## Errors

The exit code says what to do:

    0    the tool has answered
    1    the tool says that it has failed: read its words, mend the arguments
    2    no such server, tool or argument; nothing was called: list, then call again
    3    the config is missing or wrong: tell the user
    4    no connection; nothing was called: see holdfast why <server>
    5    too late: --deadline 2m waits longer; the call may have run
    6    the call may have run: look before you call it again
    7    refused: a protocol error, or the server asks something that only a person can answer

    $ holdfast call fs.read_text_file file=notes.txt --json
    {"error":{"reason":"BadArguments","message":"fs.read_text_file: the arguments do not fit: file: is no argument; path: is missing","problems":[{"path":"file","problem":"is no argument"},{"path":"path","problem":"is missing"}]}}
    [exit code 2]

    $ holdfast call fs.read_text_file path=none.txt
    holdfast: fs.read_text_file failed: ENOENT: no such file or directory, open '/home/me/project/none.txt'
    [exit code 1]

    $ holdfast tools db
    holdfast: db: handshake failed: /usr/bin/node db.js exited with code 1 after 340 ms, before it answered the handshake; stderr: "DATABASE_URL is not set". Run it by hand to see why. (code -32000)
    [exit code 4]

    $ holdfast why db
    db: no process

    The last tries:

      22:03:55  failed at handshake (server/discover)  process 6347, modern, exit code 1
        spawn 6 ms, handshake server/discover 368 ms
        db: /usr/bin/node db.js exited with code 1 after 340 ms, before it answered the handshake; stderr: "DATABASE_URL is not set". Run it by hand to see why.
        stderr:
          DATABASE_URL is not set
        → Read its stderr. Run the command by hand: a stdio server must stay running and wait for input. Name the variables that it needs under env.
        → docs/errors/ServerExited.md says more

Never repeat a call after 5 or 6 without looking whether it has run. \`--idempotent\` says that running it twice does no harm.

## More

\`holdfast help <command>\` explains one command. \`holdfast doctor\` looks for everything that is wrong, and says what to do.
`
