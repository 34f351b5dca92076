import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Contract from "../src/ControlContract.ts"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as World from "./support/World.ts"

const eras = ["legacy", "modern"] as const

/** A call in the caller's own era, which is to be parked. */
const parkedCall = (era: (typeof eras)[number], name: string, id: number): string => {
  const _meta = { ...(era === "modern" && Host.modern), [Contract.meta.park]: true }
  return JSON.stringify({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name, arguments: { nonce: `n${id}` }, _meta }
  })
}

const parkedIn = (line: string): Contract.Parked =>
  Schema.decodeUnknownSync(Contract.Parked)(JSON.parse(line).result._meta[Contract.meta.parked])

describe("a call that is parked", () => {
  for (const server of eras) {
    for (const caller of eras) {
      it(`goes on with an answer that another program gives: a ${caller} caller, a ${server} server`, async () => {
        await using w = World.make(server)
        const place = w.home.place()
        const one = await w.connect({ use: "once" })
        if (caller === "legacy") await one.greet()
        const answer = await one.ask(parkedCall(caller, "elicit", 1))
        one.leave()
        const { call, questions } = parkedIn(answer)
        assert.strictEqual(JSON.parse(answer).result.resultType, caller === "modern" ? "complete" : undefined)
        const [question] = questions
        assert.deepInclude(question, { call, server: "rec", tool: "elicit", message: "Whose?", mode: "form" })
        assert.deepInclude(question?.requestedSchema, { type: "object", required: ["name"] })
        const id = question?.id ?? ""
        assert.include(answer, `holdfast answer ${id}`)
        assert.deepStrictEqual((await DaemonControl.questions(place)).map((each) => each.id), [id])
        assert.strictEqual((await DaemonControl.status(place)).questions, 1)
        const { questions: [kept], state } = await DaemonControl.result({ id }, place)
        assert.deepStrictEqual([state, kept?.id, kept?.from.pid], ["asking", id, process.pid])
        // What does not fit is no answer.
        for (const content of [{}, { name: 1 }, { name: "n", size: "xl" }, { name: "n", other: "o" }]) {
          const refused: unknown = await DaemonControl.answer({ id, action: "accept", content }, place).catch((
            e: unknown
          ) => e)
          assert.match(String(refused), /lacks name|of the type string|one of s, m|no field "other"/)
        }
        await DaemonControl.answer({ id, action: "accept", content: { name: "mine", size: "m" } }, place)
        const done = await DaemonControl.result({ id: call, waitMillis: 60_000 }, place)
        assert.strictEqual(done.state, "done")
        assert.include(JSON.stringify(done.result), `mine`)
        assert.deepStrictEqual(await DaemonControl.result({ id }, place), done)
        const late: unknown = await DaemonControl.answer({ id, action: "decline" }, place).catch((e: unknown) => e)
        assert.match(String(late), /does not wait for an answer any more/)
        assert.lengthOf(await DaemonControl.questions(place), 0)
        const elicited = w.record().filter((line) => line === "call elicit n1")
        assert.lengthOf(elicited, server === "modern" ? 2 : 1)
      })
    }
  }

  it("is refused as ever where its caller has not asked for that, and is answered at once where nothing is asked", async () => {
    await using w = World.make("legacy")
    const one = await w.connect({ use: "once" })
    await one.greet()
    const call = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "elicit", arguments: {} }
    })
    assert.match(await one.ask(call), /takes no questions/)
    assert.match(await one.ask(parkedCall("legacy", "count", 2)), /"id":2,.*"text":"1"/)
    assert.match(await one.ask(parkedCall("legacy", "none", 3)), /"id":3,"error":\{"code":-32602/)
    assert.lengthOf(await DaemonControl.questions(w.home.place()), 0)
    const unknown: unknown = await DaemonControl.result({ id: "c1" }, w.home.place()).catch((e: unknown) => e)
    assert.match(String(unknown), /knows no call and no question "c1"/)
    one.leave()
  })

  it("ends when its caller cancels it, goes on when its caller has only left, and tells of the loss of its server", async () => {
    await using w = World.make("legacy")
    const place = w.home.place()
    const one = await w.connect({ use: "once" })
    await one.greet()
    one.say(parkedCall("legacy", "never", 1))
    await Home.until(() => w.record().includes("call never n1"))
    one.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
    await Home.until(() => w.record().includes("cancelled"))
    const { questions: [question] } = parkedIn(await one.ask(parkedCall("legacy", "elicit", 2)))
    one.leave()
    await Home.until(async () =>
      (await DaemonControl.status(place)).sessions.some(({ wants }) => wants.includes("parked"))
    )
    const id = question?.id ?? ""
    const pid = w.starts().at(-1) ?? 0
    process.kill(pid, "SIGKILL")
    const lost = await DaemonControl.result({ id, waitMillis: 60_000 }, place)
    assert.strictEqual(lost.state, "done")
    assert.match(JSON.stringify(lost.error), /"delivery":"Unknown"/)
    // It was fetched: nothing needs the daemon any more.
    assert.isFalse((await DaemonControl.status(place)).sessions.some(({ wants }) => wants.includes("parked")))
  })
})
