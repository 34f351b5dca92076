/** A shim that answers before anything else runs. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as World from "./support/World.ts"

const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

const listChanged = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`

describe("a shim with a catalogue", () => {
  it("answers the handshake and the lists without server and daemon, tells what was not true, and why a call cannot be", async () => {
    await using w = World.make("changing")
    const first = w.wrap()
    const greeting = await first.greet()
    const told = await first.ask(list)
    assert.match(told, /"echo1"/)
    first.leave()
    await DaemonControl.stop(w.home.place())

    const second = w.wrap()
    assert.strictEqual(await second.greet(), greeting)
    assert.strictEqual(await second.ask(list), told)
    assert.strictEqual(
      await second.ask(`{"jsonrpc":"2.0","id":2,"method":"ping"}`),
      `{"jsonrpc":"2.0","id":2,"result":{}}`
    )
    assert.deepStrictEqual([w.home.starts(), w.starts().length], [1, 1])
    // The server has another list by now.
    assert.strictEqual(await second.call("count"), "1")
    assert.strictEqual(await second.next(), listChanged)
    assert.match(await second.ask(list), /"echo2"/)
    assert.lengthOf(w.starts(), 2)
    second.leave()

    const third = w.wrap()
    await third.greet()
    assert.match(await third.ask(list), /"echo2"/)
    const eager = w.wrap({ eager: true })
    await eager.greet()
    const asked = w.record().length
    assert.match(await eager.ask(list), /"echo2"/)
    assert.deepStrictEqual(w.record().slice(asked), ["list"])
    eager.leave()

    await DaemonControl.stop(w.home.place())
    fs.writeFileSync(path.join(w.home.directory, "record.dead"), "")
    const lost = JSON.parse(
      await third.ask(`{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"count"}}`)
    )
    assert.deepStrictEqual([lost.id, lost.error.data.delivery], ["c", "NotSent"])
    assert.match(lost.error.message, /rec: .*exited with code 7.*no database/s)
    assert.match(await third.ask(list), /exited with code 7/)
    third.leave()
  })
})
