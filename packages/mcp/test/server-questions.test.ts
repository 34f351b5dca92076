/** Questions of the server: every one is answered, whatever its handler does. */
import { assert, describe, it } from "@effect/vitest"
import { type ClientHandlers, RequestDeclined } from "@holdfast/mcp/ClientHandlers"
import type { Outbound } from "@holdfast/mcp/Link"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type { Multiplexer } from "../src/internal/connection/Multiplexer.ts"
import { noteTaker } from "./support/noteTaker.ts"

const roots = (handler: NonNullable<ClientHandlers["roots"]>): ClientHandlers => ({ roots: handler })

const ask = (calls: Multiplexer, id: string | number, method = "roots/list"): void =>
  calls.onMessage({ _tag: "Request", id, method, params: undefined })

const withdraw = (calls: Multiplexer, requestId: string | number): void =>
  calls.onMessage({ _tag: "Notification", method: "notifications/cancelled", params: { requestId } })

const read = (outbound: Outbound | undefined) => JSON.parse(outbound?.text ?? "null")

const quietly = Effect.map(
  Effect.provide(Effect.context(), Logger.layer([])),
  (context) => Effect.runForkWith(context)
)

/** A link that hands over at once and never says so again. */
const idle = { isCongested: () => false }

/** Everything that a handler can do instead of answering. */
const troubles: ReadonlyArray<readonly [name: string, handler: NonNullable<ClientHandlers["roots"]>, code: number]> = [
  ["refuses", () => Effect.fail(new RequestDeclined({ code: -1, message: "no" })), -1],
  ["dies", () => Effect.die(new Error("a fault")), -32603],
  ["throws", () => {
    throw new Error("a fault")
  }, -32603],
  ["is interrupted from within", () => Effect.interrupt, -32603],
  [
    "waits for a fiber that is interrupted",
    () =>
      Effect.flatMap(
        Effect.forkChild(Effect.never),
        (fiber) => Effect.andThen(Fiber.interrupt(fiber), Fiber.join(fiber))
      ),
    -32603
  ],
  ["interrupts its own fiber", () =>
    Effect.withFiber((fiber) => {
      fiber.interruptUnsafe()
      return Effect.never
    }), -32603],
  // What programs without types give.
  ["answers with what is no JSON", () => Effect.succeed([1n] as unknown as []), -32603],
  ["is none that Effect knows", () => undefined as unknown as Effect.Effect<[]>, -32603]
]

describe("a question of the server", () => {
  for (const [name, handler, code] of troubles) {
    it.effect(`is answered once when its handler ${name}, and its place is free again`, () =>
      Effect.gen(function*() {
        const { calls, posted } = noteTaker({ handlers: roots(handler), fork: yield* quietly }, idle)
        for (let i = 0; i < 3000; i++) {
          ask(calls, i)
          yield* Effect.yieldNow
        }
        for (let left = 1000; left > 0 && posted.length < 3000; left--) yield* Effect.yieldNow
        assert.deepStrictEqual(posted.map((outbound) => read(outbound).id), Array.from({ length: 3000 }, (_, id) => id))
        assert.deepStrictEqual([...new Set(posted.map((outbound) => read(outbound).error.code))], [code])
      }))
  }

  it.effect("is not answered when the server takes it back, by its id in whatever form, and its place is free", () =>
    Effect.gen(function*() {
      const { calls, posted } = noteTaker({ handlers: roots(() => Effect.never), fork: yield* quietly }, idle)
      for (let i = 0; i < 3000; i++) {
        ask(calls, i % 2 === 0 ? i : `${i}`)
        withdraw(calls, i % 2 === 0 ? `${i}` : i)
      }
      assert.isEmpty(posted)
      assert.deepInclude(calls.diagnostics, { unmatched: 0 })
    }))

  it.effect("is refused when so many are being answered that there is no room, and ping is answered all the same", () =>
    Effect.gen(function*() {
      const { calls, posted } = noteTaker({ handlers: roots(() => Effect.never), fork: yield* quietly }, idle)
      for (let i = 0; i < 1024; i++) ask(calls, i)
      assert.isEmpty(posted)
      ask(calls, "one more")
      ask(calls, "p", "ping")
      ask(calls, "?", "unheard/of")
      assert.deepStrictEqual(posted.map((outbound) => [read(outbound).id, read(outbound).error?.code]), [
        ["one more", -32603],
        ["p", undefined],
        ["?", -32601]
      ])
      withdraw(calls, 0)
      ask(calls, "next")
      assert.strictEqual(posted.length, 3, "it is with its handler")
    }))

  it.effect("is answered though a link throws instead of sending other answers, or sends them and never says so", () =>
    Effect.gen(function*() {
      for (const trouble of ["throws", "drops"]) {
        const texts: Array<string> = []
        const { calls } = noteTaker({ handlers: roots(() => Effect.succeed([])), fork: yield* quietly }, {
          ...idle,
          post: ({ text }) => {
            texts.push(text)
            if (trouble === "throws") throw new Error("a fault")
          }
        })
        for (let i = 0; i < 3000; i++) ask(calls, i)
        ask(calls, "p", "ping")
        assert.strictEqual(texts.length, 3001, trouble)
        assert.include(texts.at(-1), "\"p\"")
      }
    }))

  it.effect("waits in the link as long as the link has its answer, however often it is looked for", () =>
    Effect.gen(function*() {
      const { armed, calls, posted, waiting } = noteTaker({
        handlers: roots(() => Effect.succeed([])),
        fork: yield* quietly
      })
      for (let i = 0; i < 5000; i++) ask(calls, i)
      assert.strictEqual(posted.length, 1024 + 1024, "as many answers and as many refusals")
      const ids = () => [...waiting].map((outbound) => read(outbound).id).toSorted()
      const before = ids()
      for (const { expire } of [...armed]) expire()
      assert.deepStrictEqual(ids(), before, "none is lost, none is there twice")
      ask(calls, "no room")
      assert.strictEqual(waiting.size, 2048)
      for (const outbound of [...waiting]) {
        waiting.delete(outbound)
        outbound.onSent()
      }
      assert.isTrue(armed.slice(-2048).every(({ isCancelled }) => isCancelled))
      ask(calls, "room")
      assert.strictEqual(read(posted.at(-1)).id, "room")
    }))

  it.effect("finds room again after a while where the link has lost the answers to others without a word", () =>
    Effect.gen(function*() {
      const { armed, calls, posted, waiting } = noteTaker({
        handlers: roots(() => Effect.succeed([])),
        fork: yield* quietly
      })
      for (let i = 0; i < 1024; i++) ask(calls, i)
      ask(calls, "p", "ping")
      assert.strictEqual(read(posted.at(-1)).id, "p", "ping has room of its own")
      waiting.clear()
      for (const { expire } of [...armed]) expire()
      ask(calls, "next")
      assert.deepInclude(read(posted.at(-1)), { id: "next", result: { roots: [] } })
    }))

  it.effect("of which only the answers find their way out is dropped beyond a bound", () =>
    Effect.sync(() => {
      const { calls, posted } = noteTaker()
      for (let id = 0; id < 5000; id++) ask(calls, id, "ping")
      assert.strictEqual(posted.length, 1024)
      assert.deepInclude(calls.diagnostics, { unmatched: 5000 - 1024 })
      for (const outbound of [...posted]) outbound.onSent()
      ask(calls, "next", "ping")
      assert.strictEqual(posted.length, 1025)
    }))
})
