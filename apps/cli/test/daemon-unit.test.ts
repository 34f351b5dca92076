import { assert, describe, it } from "@effect/vitest"
import * as DaemonUnit from "../src/DaemonUnit.ts"
import { parsePlist } from "./support/parsePlist.ts"

const options = {
  node: "/opt/node 24/bin/node",
  main: "/home/me/100%/$x/\"holdfast\".js",
  environment: {
    PATH: "/usr/bin:/home/me/<bin>",
    XDG_STATE_HOME: "/home/me/my state",
    HOLDFAST_DAEMON_MAX_PROCESSES: "10",
    HOLDFAST_NO_DAEMON: "1",
    SECRET: "s3cret"
  }
}

describe("a unit of the daemon", () => {
  it("for systemd quotes what systemd would read otherwise, and hands on only what the daemon needs", () => {
    const text = DaemonUnit.systemd(options)
    assert.include(
      text,
      "ExecStart=\"/opt/node 24/bin/node\" \"/home/me/100%%/$$x/\\\"holdfast\\\".js\" daemon run\n"
    )
    assert.include(
      text,
      "Environment=HOLDFAST_DAEMON_MAX_PROCESSES=10\nEnvironment=\"PATH=/usr/bin:/home/me/<bin>\"\n" +
        "Environment=\"XDG_STATE_HOME=/home/me/my state\"\n"
    )
    assert.notMatch(text, /NO_DAEMON|s3cret/)
  })

  it("for launchd is a property list with the same words", () => {
    const { EnvironmentVariables, KeepAlive, Label, ProgramArguments } = parsePlist(DaemonUnit.launchd(options))
    assert.strictEqual(Label, "dev.holdfast.daemon")
    assert.deepStrictEqual(ProgramArguments, [options.node, options.main, "daemon", "run"])
    assert.deepStrictEqual(EnvironmentVariables, {
      HOLDFAST_DAEMON_MAX_PROCESSES: "10",
      PATH: "/usr/bin:/home/me/<bin>",
      XDG_STATE_HOME: "/home/me/my state"
    })
    assert.isTrue(KeepAlive)
  })

  it("of a standalone executable names it alone", () => {
    const alone = { ...options, node: "/opt/holdfast", main: "" }
    assert.include(DaemonUnit.systemd(alone), "ExecStart=/opt/holdfast daemon run\n")
    assert.deepStrictEqual(parsePlist(DaemonUnit.launchd(alone)).ProgramArguments, ["/opt/holdfast", "daemon", "run"])
  })
})
