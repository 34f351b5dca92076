/** The sentences people read, where they say what to do. */
import { assert, describe, it } from "@effect/vitest"
import { CommandNotFound, HandshakeTimeout, ServerExited } from "@holdfast/mcp/McpRuntimeError"

const server = "fs"

describe("messages", () => {
  it("of a server that ended at its start say how to find out why", () => {
    const exited = (stderrTail: string) =>
      new ServerExited({ server, command: "true", end: { code: 0, signal: null, uptimeMillis: 12, stderrTail } })
        .message
    assert.strictEqual(
      exited(""),
      "fs: true exited with code 0 after 12 ms, before it answered the handshake; it wrote nothing to stderr. " +
        "Run it by hand to see why."
    )
    assert.strictEqual(
      exited("boom\n"),
      "fs: true exited with code 0 after 12 ms, before it answered the handshake; stderr: \"boom\". " +
        "Run it by hand to see why."
    )
  })

  it("of a whole command line in place of a command say how to write it, and nothing of where it was sought", () => {
    const missing = (command: string) => new CommandNotFound({ server, command, searched: "/bin:/usr/bin" }).message
    assert.strictEqual(
      missing("npx -y foo"),
      "fs: command not found: npx -y foo. No shell reads it: write \"command\": \"npx\", \"args\": [\"-y\", \"foo\"]."
    )
    assert.strictEqual(
      missing("npx  -y 'my foo'"),
      "fs: command not found: npx  -y 'my foo'. No shell reads it: write the program alone in \"command\", and each argument by " +
        "itself in \"args\"."
    )
    const asUsual = (command: string) =>
      `fs: command not found: ${command} (searched /bin:/usr/bin). Install it, or give its full path in the config.`
    for (const command of ["npx", "C:\\Program Files\\x.exe", "./my tools/server"]) {
      assert.strictEqual(missing(command), asUsual(command))
    }
  })

  it("of a handshake that was not answered advise more time, unless the server wrote something else instead", () => {
    const silent = { server, timeoutMillis: 120_000, hint: "npx may still be downloading" }
    assert.strictEqual(
      new HandshakeTimeout(silent).message,
      "fs: no handshake in 120 s; npx may still be downloading. " +
        "Raise holdfast.connectTimeout in the config if the server needs longer."
    )
    assert.strictEqual(
      new HandshakeTimeout({ ...silent, hint: "on stdout it wrote \"hello\"", advice: "It may need stdio." }).message,
      "fs: no handshake in 120 s; on stdout it wrote \"hello\". It may need stdio."
    )
  })
})
