/** What a host is told, and its server, when that was lost and is there again. */
import { assert, describe, it } from "@effect/vitest"
import * as Home from "./support/Home.ts"
import * as World from "./support/World.ts"

describe("the next server of a host", () => {
  it("has its log level and its subscriptions, and a list that is another one is told, over a kill -9 of server and daemon", async () => {
    await using w = World.make("changing")
    const host = w.wrap()
    await host.greet()
    const list = await host.ask(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
    assert.match(list, /"echo1"/)
    for (
      const [id, method, params] of [[2, "logging/setLevel", `{"level":"debug"}`], [
        3,
        "resources/subscribe",
        `{"uri":"x:1"}`
      ]]
    ) {
      assert.include(
        await host.ask(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`),
        `"result":{}`
      )
    }
    const killServer = (): void => void process.kill(w.starts().at(-1) ?? 0, "SIGKILL")
    const killDaemon = (): void => void process.kill(w.home.daemonPid(), "SIGKILL")
    for (const kill of [killServer, killDaemon]) {
      const before = w.record().length
      kill()
      // The host says nothing: it is subscribed, and so the next server is there at once.
      const told = [await host.next(), await host.next()].map((line) => JSON.parse(line))
      assert.deepStrictEqual(told.map(({ method }) => method).toSorted(), [
        "notifications/resources/updated",
        "notifications/tools/list_changed"
      ])
      await Home.until(() => w.record().length === before + 5)
      assert.deepStrictEqual(
        w.record().slice(before).map((line) => line.replace(/\d+$/, "")),
        ["start ", "initialize {}", "logging/setLevel debug", "resources/subscribe x:", "list"]
      )
    }
    assert.match(await host.ask(`{"jsonrpc":"2.0","id":4,"method":"tools/list"}`), /"echo3"/)
    host.leave()
  })

  it("says nothing of lists that are the same, nor of those that it has not said to tell of", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet()
    assert.match(await host.ask(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), /"echo"/)
    assert.include(await host.call("die"), "Unknown")
    // Behind this answer there would be the notification.
    assert.strictEqual(await host.call("count"), "1")
    await Home.until(() => w.record().filter((line) => line === "list").length === 2)
    assert.strictEqual(await host.call("count"), "2")
    host.leave()
  })
})
