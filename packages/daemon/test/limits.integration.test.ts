import { assert, describe, it } from "@effect/vitest"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as World from "./support/World.ts"

const errorIn = (line: string): { readonly message: string; readonly data: object } => JSON.parse(line).error

describe("a host", () => {
  it("is refused in words where all processes are in use, and the one that is idle for the longest makes room for it", async () => {
    await using w = World.make("legacy", { HOLDFAST_DAEMON_MAX_PROCESSES: "2" })
    const [first, second] = [await w.connect(), await w.connect()]
    for (const host of [first, second]) await host.greet()
    const other = { ...w.wants, endpoint: { ...w.wants.endpoint, args: [...w.wants.endpoint.args, "other"] } }
    const late = await w.connect({ wants: other })
    const { data, message } = errorIn(await late.greet())
    assert.deepStrictEqual(data, { reason: "TooBusy", delivery: "NotSent" })
    assert.match(
      message,
      /rec: the daemon's processes are all in use, as many as it may have \(2, HOLDFAST_DAEMON_MAX_PR/
    )
    first.leave()
    await Home.until(async () => (await late.greet()).includes("\"result\""))
    assert.strictEqual(await late.call("count"), "1")
    const [idle = 0, used = 0] = w.starts()
    assert.deepStrictEqual([Home.isAlive(idle), Home.isAlive(used)], [false, true])
    for (const host of [second, late]) host.leave()
  })

  it("is refused in words where too little memory is left", async () => {
    await using w = World.make("modern", { HOLDFAST_DAEMON_MEMORY_RESERVE_MB: "100000000" })
    const host = await w.connect()
    const { message } = errorIn(await host.ask(Host.modernCall("count", 1)))
    assert.match(
      message,
      /rec: no process is idle that could end for it, and \d+ MB of memory are left, of which 100000000 MB/
    )
    assert.lengthOf(w.starts(), 0)
    host.leave()
  })
})
