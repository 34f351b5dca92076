import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Dashboard from "../src/Dashboard.ts"
import * as DashboardAccess from "../src/DashboardAccess.ts"
import * as Contract from "../src/DashboardContract.ts"
import * as DashboardGuard from "../src/DashboardGuard.ts"
import { DashboardRefusal, type DashboardSource } from "../src/DashboardSource.ts"
import { made } from "./support/madeUpSource.ts"

const source: DashboardSource = {
  snapshots: Stream.concat(Stream.succeed(made(3, 5)), Stream.never),
  act: ({ target }) =>
    target === "1"
      ? Effect.succeed({ message: "done" })
      : Effect.fail(new DashboardRefusal({ message: "it is not there; look at the list" }))
}

const serve = Effect.fnUntraced(function*(given: DashboardSource = source) {
  const { access, token } = DashboardAccess.oneTime("start it again")
  const { answer } = yield* Dashboard.make({ source: given, access, isOurHost: DashboardGuard.loopback(8080) })
  const ask = (method: string, path: string, body = "", headers: Readonly<Record<string, string>> = {}) => {
    const [folder = "", query = ""] = path.split("?")
    return answer({
      method,
      path: folder,
      query: new URLSearchParams(query),
      headers: { host: "127.0.0.1:8080", "content-type": "application/json", ...headers },
      body: Effect.succeed(body)
    })
  }
  const session = yield* access.enter(token)
  const asOne = (method: string, path: string, body?: object) =>
    ask(method, path, JSON.stringify(body), { [DashboardAccess.header]: session })
  return { ask, asOne, session }
})

const paths = ["GET api/state", "GET api/live", "GET api/log?of=x", "GET api/why?of=x", "POST api/do"]

/** Long enough for all that was begun, in steps in which fibers go on. */
const settled = Effect.repeat(Effect.andThen(Effect.yieldNow, TestClock.adjust("100 millis")), { times: 20 })

/** Events of a stream that is being read, as they come. */
const followed = Effect.fnUntraced(function*(response: Dashboard.DashboardResponse) {
  const got: Array<{ readonly name: string; readonly data: unknown }> = []
  const body = typeof response.body === "string" ? Stream.empty : response.body
  const fiber = yield* Effect.forkChild(Stream.runForEach(body, (text) =>
    Effect.sync(() => {
      const [, name = "", data = ""] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(text) ?? []
      if (name !== "") got.push({ name, data: JSON.parse(data) })
    })))
  return { got, fiber }
})

describe("a dashboard", () => {
  it.effect("tells nothing of its host without a session, and does nothing", () =>
    Effect.gen(function*() {
      const { ask } = yield* serve()
      for (const each of paths) {
        const [method = "", path = ""] = each.split(" ")
        for (const header of [{}, { [DashboardAccess.header]: "wrong" }]) {
          const { body, status } = yield* ask(method, path, "{}", header)
          assert.deepStrictEqual([each, status], [each, 401])
          assert.include(String(body), "open the address as printed")
        }
      }
      const page = yield* ask("GET", "")
      assert.notMatch(String(page.body), /daemon|server-|127\.0/)
    }))

  it.effect("forbids in each answer what the page does not need, and keeps none", () =>
    Effect.gen(function*() {
      const { ask, asOne } = yield* serve()
      const answers = [
        yield* ask("GET", ""),
        yield* ask("GET", "page.js"),
        yield* ask("GET", "page.css"),
        yield* ask("GET", "api/state"),
        yield* asOne("GET", "api/state"),
        yield* asOne("GET", "api/live"),
        yield* asOne("POST", "api/do", { action: "reset", of: "server", target: "1" }),
        yield* ask("GET", "no-such-thing"),
        yield* ask("POST", "api/enter", "{")
      ]
      assert.deepStrictEqual(answers.map(({ status }) => status), [200, 200, 200, 401, 200, 200, 200, 404, 400])
      for (const { headers } of answers) {
        assert.strictEqual(headers["cache-control"], "no-store")
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["referrer-policy"], "no-referrer")
        const policy = headers["content-security-policy"] ?? ""
        for (
          const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]
        ) {
          assert.include(policy, part)
        }
        assert.notInclude(policy, "unsafe")
        assert.isUndefined(headers["access-control-allow-origin"])
      }
    }))

  it.effect("answers with the contract's shapes, and says why something was not done", () =>
    Effect.gen(function*() {
      const { asOne } = yield* serve()
      const state = yield* asOne("GET", "api/state")
      const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Contract.Snapshot), { onExcessProperty: "error" })
      assert.deepStrictEqual(yield* decode(String(state.body)), made(3, 5))
      const done = yield* asOne("POST", "api/do", { action: "reset", of: "server", target: "1" })
      assert.deepStrictEqual([done.status, done.body], [200, `{"message":"done"}`])
      const refused = yield* asOne("POST", "api/do", { action: "reset", of: "server", target: "2" })
      assert.deepStrictEqual([refused.status, refused.body], [409, `{"message":"it is not there; look at the list"}`])
      assert.strictEqual((yield* asOne("POST", "api/do", { action: "explode", of: "server" })).status, 400)
      // This one has no logs, and knows no reasons.
      assert.strictEqual((yield* asOne("GET", "api/log?of=x")).status, 404)
      assert.strictEqual((yield* asOne("GET", "api/why?of=x")).status, 404)
    }))

  it.effect("sends the whole first, then what is new; of much that happens at once the last, and the whole of another epoch", () =>
    Effect.gen(function*() {
      const queue = yield* Queue.unbounded<Contract.Snapshot>()
      const { asOne } = yield* serve({ ...source, snapshots: Stream.fromQueue(queue) })
      const { fiber, got } = yield* followed(yield* asOne("GET", "api/live"))
      const first = made(3, 5)
      yield* Queue.offer(queue, first)
      yield* settled
      assert.deepStrictEqual(got.map(({ name }) => name), ["state"])
      assert.deepStrictEqual(got[0]?.data, JSON.parse(JSON.stringify(first)))
      for (let calls = 6; calls <= 500; calls++) {
        yield* Queue.offer(queue, { ...first, calls: made(0, calls).calls ?? [] })
      }
      yield* settled
      const changes = got.slice(1)
      assert.isAtMost(changes.length, 3)
      const seqs = changes.flatMap(({ data }) => (data as Contract.Change).calls ?? []).map(({ seq }) => seq)
      assert.deepStrictEqual(seqs, Array.from({ length: 495 }, (_, index) => index + 6))
      // Nothing that is new: nothing is sent.
      yield* Queue.offer(queue, { ...first, calls: made(0, 500).calls ?? [] })
      yield* settled
      assert.strictEqual(got.length, 1 + changes.length)
      yield* Queue.offer(queue, { ...first, head: { ...first.head, epoch: "2" } })
      yield* settled
      assert.strictEqual(got.at(-1)?.name, "state")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("runs its source for a page that is open, and not longer", () =>
    Effect.gen(function*() {
      let running = 0
      const snapshots = Stream.unwrap(Effect.acquireRelease(
        Effect.sync(() => {
          running++
          return Stream.concat(Stream.succeed(made(1, 1)), Stream.never)
        }),
        () => Effect.sync(() => void running--)
      ))
      const { asOne } = yield* serve({ ...source, snapshots })
      const response = yield* asOne("GET", "api/live")
      assert.strictEqual(running, 0)
      const { fiber, got } = yield* followed(response)
      yield* settled
      assert.deepStrictEqual([running, got.length], [1, 1])
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(running, 0)
    }))
})
