/** Questions to the client in the course of a request without a session. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answering, ask, type Handle, text } from "./support/answering.ts"
import { eventually } from "./support/eventually.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { roundOf, StatelessClient, textOf } from "./support/statelessClient.ts"

const everything = { elicitation: {}, sampling: {}, roots: {} }
const tools = { tools: {} }

describe("what a handler may ask", () => {
  it.live("is asked in the course of calls, prompts and resources, and is refused elsewhere, as is what nobody knows", () =>
    Effect.gen(function*() {
      const early: Array<unknown> = []
      const handle: Handle = async ({ method, params }, extra) => {
        if (method === "tools/list") {
          await ask(extra, "elicitation/create").catch(({ message }) => early.push(message))
          return { tools: [] }
        }
        const words = await ask(extra, String(params?.["ask"])).then(JSON.stringify, ({ message }) => message)
        return { ...text(words), contents: [], messages: [], words }
      }
      const host = yield* open({ server: answering({ ...tools, prompts: {}, resources: {} }, handle) })
      const client = new StatelessClient(host.url)
      const kinds = [["elicitation/create", "elicitation"], ["sampling/createMessage", "sampling"], [
        "roots/list",
        "roots"
      ]]
      const places = [["tools/call", { name: "x" }], ["prompts/get", { name: "x" }], ["resources/read", {
        uri: "x:y"
      }]] as const
      for (const [question = "", key = ""] of kinds) {
        for (const [method, params] of places) {
          const sent = { ...params, ask: question }
          const first = yield* client.outcome(method, sent, { capabilities: { [key]: {} } })
          const { inputRequests, requestState } = roundOf(first)
          assert.deepStrictEqual(inputRequests, { [`${key}-1`]: { method: question, params: {} } })
          const answers = { inputResponses: { [`${key}-1`]: { said: key } }, requestState }
          const { message } = yield* client.outcome(method, { ...sent, ...answers }, { capabilities: { [key]: {} } })
          assert.strictEqual(message.result?.["words"], JSON.stringify({ said: key }))
          const capable = Object.keys(everything).filter((name) => name !== key)
          const capabilities = Object.fromEntries(capable.map((name) => [name, {}]))
          assert.strictEqual((yield* client.outcome(method, sent, { capabilities })).status, 400)
        }
      }
      const asked = { capabilities: everything }
      const elsewhere = yield* client.outcome("prompts/list", { ask: "elicitation/create" }, asked)
      assert.match(String(elsewhere.message.result?.["words"]), /in the course of a call only/)
      const unknown = yield* client.call("x", {}, { ...asked, more: { ask: "test/unknown" } })
      assert.match(String(unknown.message.result?.["words"]), /in the course of a call only/)
      assert.match(String(early[0]), /in the course of a call only/)
      yield* isEmpty(host)
    }))

  it.live("goes by the name that the handler gives it, and is not asked where the answer came with the request", () =>
    Effect.gen(function*() {
      const handle: Handle = async ({ method }, extra) => {
        if (method === "tools/list") return { tools: [] }
        const one = await ask(extra, "elicitation/create", { message: "?", _meta: { "holdfast/inputKey": "user" } })
        const other = await ask(extra, "elicitation/create", { _meta: { "holdfast/inputKey": "__proto__", more: 1 } })
        return text(JSON.stringify([one, other]))
      }
      const { url } = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(url)
      const capabilities = everything
      const { inputRequests } = roundOf(yield* client.call("x", {}, { capabilities }))
      assert.deepStrictEqual(inputRequests, { user: { method: "elicitation/create", params: { message: "?" } } })
      const inputResponses = { user: { action: "accept" } }
      const second = yield* client.call("x", {}, { capabilities, more: { inputResponses } })
      const { inputRequests: rest, requestState } = roundOf(second)
      assert.deepStrictEqual(Object.entries(rest), [
        ["__proto__", { method: "elicitation/create", params: { _meta: { more: 1 } } }]
      ])
      const answers = JSON.parse(`{"__proto__":{"action":"decline"}}`)
      const done = yield* client.call("x", {}, { capabilities, more: { inputResponses: answers, requestState } })
      assert.strictEqual(textOf(done), `[{"action":"accept"},{"action":"decline"}]`)
    }))

  it.live("is not asked, or not again, when the handler does not want to know any more", () =>
    Effect.gen(function*() {
      const withdrawals: Array<AbortController> = []
      const working: Array<() => void> = []
      const handle: Handle = async ({ method, params }, extra) => {
        if (method === "tools/list") return { tools: [] }
        const withdrawal = new AbortController()
        const given = ask(extra, "elicitation/create", {}, withdrawal.signal).catch(() => "withdrawn")
        if (params?.["name"] === "at once") {
          withdrawal.abort()
          await new Promise<void>((resolve) => void working.push(resolve))
          return text(String(await given))
        }
        withdrawals.push(withdrawal)
        const kept = await ask(extra, "sampling/createMessage")
        return text(JSON.stringify([await given, kept]))
      }
      const { url } = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(url)
      const capabilities = everything
      const fiber = yield* Effect.forkChild(client.call("at once", {}, { capabilities }), { startImmediately: true })
      yield* eventually("it was withdrawn", () => working.length === 1)
      // Long enough for a question to reach the client.
      yield* client.outcome("server/discover")
      working[0]?.()
      assert.strictEqual(textOf(yield* Fiber.join(fiber)), "withdrawn")
      const first = roundOf(yield* client.call("later", {}, { capabilities }))
      assert.deepStrictEqual(first.keys, ["elicitation-1", "sampling-1"])
      withdrawals[0]?.abort()
      const second = roundOf(
        yield* client.call("later", {}, { capabilities, more: { requestState: first.requestState } })
      )
      assert.deepStrictEqual(second.keys, ["sampling-1"])
      const more = { inputResponses: { "sampling-1": { a: 1 } }, requestState: second.requestState }
      assert.strictEqual(textOf(yield* client.call("later", {}, { capabilities, more })), `["withdrawn",{"a":1}]`)
    }))

  it.live("is answered by a request that is in use until the handler ends, and that cancels it by going away", () =>
    Effect.gen(function*() {
      const working: Array<() => void> = []
      let aborted = 0
      const handle: Handle = async ({ method }, extra) => {
        if (method === "tools/list") return { tools: [] }
        extra.signal.addEventListener("abort", () => void aborted++)
        await ask(extra, "elicitation/create")
        await new Promise<void>((resolve) => void working.push(resolve))
        return text("worked")
      }
      const idle = { idleTimeout: "40 millis", sweepInterval: "5 millis" } as const
      const host = yield* open({ server: answering(tools, handle), ...idle })
      const client = new StatelessClient(host.url)
      const asked = Effect.fnUntraced(function*() {
        const { requestState } = roundOf(yield* client.call("x", {}, { capabilities: everything }))
        return { capabilities: everything, more: { inputResponses: { "elicitation-1": {} }, requestState } }
      })
      const again = yield* asked()
      const kept = yield* Effect.forkChild(client.call("x", {}, again), { startImmediately: true })
      yield* eventually("it works", () => working.length === 1)
      assert.strictEqual((yield* client.call("x", {}, again)).message.error?.code, -32602)
      const { sweeps } = yield* host.registry.snapshot
      while ((yield* host.registry.snapshot).sweeps < sweeps + 20) yield* Effect.sleep("5 millis")
      working[0]?.()
      assert.strictEqual(textOf(yield* Fiber.join(kept)), "worked")
      const once = yield* asked()
      const left = yield* Effect.forkChild(client.call("x", {}, once), { startImmediately: true })
      yield* eventually("it works again", () => working.length === 2)
      yield* Fiber.interrupt(left)
      yield* eventually("it was told", () => aborted > 0)
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).closed.client, 1)
    }))

  it.live("is given up when nobody answers, though the question came in a stream", () =>
    Effect.gen(function*() {
      const handle: Handle = async ({ method }, extra) => {
        if (method === "tools/list") return { tools: [] }
        await extra.sendNotification({ method: "notifications/progress", params: { progressToken: 1, progress: 1 } })
        await ask(extra, "elicitation/create")
        return text("never")
      }
      const idle = { idleTimeout: "20 millis", sweepInterval: "5 millis" } as const
      const host = yield* open({ server: answering(tools, handle), ...idle })
      const meta = { progressToken: 1 }
      const said = yield* new StatelessClient(host.url).call("x", {}, { capabilities: everything, meta })
      assert.deepStrictEqual([said.before.length, roundOf(said).keys], [1, ["elicitation-1"]])
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).closed.stale, 1)
    }))

  it.live("is answered once, though two come back with the same state at once", () =>
    Effect.gen(function*() {
      const handle: Handle = async ({ method }, extra) =>
        method === "tools/list" ? { tools: [] } : text(JSON.stringify(await ask(extra, "elicitation/create")))
      const host = yield* open({ server: answering(tools, handle) })
      const client = new StatelessClient(host.url)
      const { requestState } = roundOf(yield* client.call("x", {}, { capabilities: everything }))
      const more = { inputResponses: { "elicitation-1": { a: 1 } }, requestState }
      const other = yield* client.outcome("prompts/get", { name: "x", ...more }, { capabilities: everything })
      assert.deepStrictEqual([other.status, other.message.error?.code], [200, -32602])
      const resume = client.call("x", {}, { capabilities: everything, more })
      const outcomes = yield* Effect.all([resume, resume, resume], { concurrency: "unbounded" })
      assert.strictEqual(outcomes.filter((outcome) => textOf(outcome) === `{"a":1}`).length, 1)
      assert.strictEqual(outcomes.filter(({ message }) => message.error?.code === -32602).length, 2)
      const huge = { ...more, requestState: "x".repeat(1 << 20) }
      const unknown = yield* client.call("x", {}, { capabilities: everything, more: huge })
      assert.strictEqual(unknown.message.error?.code, -32602)
      assert.isBelow(JSON.stringify(unknown.message).length, 500)
      yield* isEmpty(host)
    }))
})
