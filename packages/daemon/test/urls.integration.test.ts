import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as WebServer from "./support/webServer.ts"

const call = (id: number | string): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"count","arguments":{"n":9007199254740993}}}`

describe("a server behind a url", () => {
  it("is one session for all hosts, opened anew when it was lost; numbers stay what they are, and ids too", async () => {
    await using home = Home.make()
    await using web = await WebServer.start()
    const config = path.join(home.directory, "mcp.json")
    const entry = (url: string) => ({ type: "http", url, headers: { Authorization: "Bearer ${WEB_TOKEN}" } })
    const servers = { web: entry(web.url), gone: entry("http://127.0.0.1:9/mcp") }
    fs.writeFileSync(config, JSON.stringify({ mcpServers: servers }))
    const connect = (server: string, WEB_TOKEN = "hush") =>
      Host.connect(home, { wants: { server, config }, environment: { ...home.environment, WEB_TOKEN } })
    const [first, second] = [await connect("web"), await connect("web")]
    for (const host of [first, second]) assert.match(await host.greet({ roots: {} }), /"id":0,"result".*"name":"web"/)
    const long = "18446744073709551615"
    const answers = await Promise.all([first.ask(call(long)), second.ask(call(1))])
    for (const [index, id] of [long, "1"].entries()) {
      assert.include(answers[index], `"id":${id}`)
      assert.include(answers[index], `"structuredContent":{"n":9007199254740993}`)
      assert.include(answers[index], `"text":"s1"`)
    }
    for (const body of web.bodies.filter((each) => each.includes("tools/call"))) {
      assert.include(body, `"arguments":{"n":9007199254740993}`)
    }
    assert.strictEqual(web.opened(), 1)
    web.forget()
    assert.include(await second.ask(call(2)), `"text":"s2"`)
    assert.include(await first.ask(call(3)), `"text":"s2"`)
    // With another token it is another server.
    const other = await connect("web", "other")
    await other.greet()
    assert.include(await other.ask(call(1)), `"text":"s3"`)
    assert.deepStrictEqual(web.authorizations, new Set(["Bearer hush", "Bearer other"]))
    const { servers: rows } = await DaemonControl.status(home.place())
    assert.deepStrictEqual(rows.map(({ command, leases, name, sharing }) => [name, command, sharing, leases.length]), [
      ["web", web.url, "shared", 2],
      ["web", web.url, "shared", 1]
    ])
    assert.notInclude(JSON.stringify(rows), "hush")
    await Home.until(() => home.log().includes("server=web tool=count delivery=answered"))
    const lonely = await connect("gone")
    const { error, id } = JSON.parse(await lonely.greet())
    assert.deepStrictEqual([id, error.data], [0, { reason: "Unreachable", delivery: "NotSent" }])
    const { tries: [failed] } = await DaemonControl.history("gone", home.place())
    assert.deepInclude(failed, { outcome: "failed", failedStep: "connect", reason: "Unreachable" })
    const { calls = [], tries } = await DaemonControl.history("web", home.place())
    // What the client itself tells: its sessions, and their loss.
    assert.deepStrictEqual(tries.map(({ outcome }) => outcome), ["ready", "lost", "ready", "ready"])
    assert.deepStrictEqual(tries[0]?.steps.map(({ step, what }) => what ?? step), [
      "connect",
      "server/discover",
      "initialize",
      "notifications/initialized"
    ])
    const ends = calls.map(({ connection, outcome }) => `${connection} ${outcome}`)
    // The first two were made at once.
    assert.deepStrictEqual([...ends.slice(0, 2).toSorted(), ...ends.slice(2)], [
      "opened answered",
      "reused answered",
      "reused answered",
      "reused answered",
      "opened answered"
    ])
    const { overview = [] } = await DaemonControl.status(home.place())
    assert.deepStrictEqual(
      overview.map(({ catalogue, eras, name, origin, tools }) => ({ catalogue, eras, name, origin, tools })),
      [
        {
          catalogue: "used",
          eras: ["legacy"],
          name: "web",
          origin: { from: "config", file: config },
          tools: undefined
        },
        { catalogue: "configured", eras: [], name: "gone", origin: { from: "config", file: config }, tools: undefined }
      ]
    )
    for (const host of [first, second, other, lonely]) host.leave()
  })
})
