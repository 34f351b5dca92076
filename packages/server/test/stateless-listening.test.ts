/** What clients without sessions are told of, and by whom. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Listeners } from "../src/internal/stateless/Listeners.ts"
import { answering, ask, type Handle, text } from "./support/answering.ts"
import { eventually } from "./support/eventually.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { StatelessClient } from "./support/statelessClient.ts"

describe("what a client listens for", () => {
  const changing = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true }
  }

  it.live("is what it has named, of what the server can tell, and nothing else that servers say", () =>
    Effect.gen(function*() {
      const kinds = ["tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated"]
      const subscribed: Array<unknown> = []
      const handle: Handle = async ({ method, params }, { sendNotification }) => {
        if (method === "tools/list") return { tools: [] }
        if (method === "resources/subscribe") subscribed.push(params?.["uri"])
        if (method !== "tools/call") return {}
        for (const kind of ["test/own", "message", ...kinds]) {
          const told = { uri: "test://a", level: "error", data: "x", _meta: { own: 1 } }
          // One of each kind, with what any of them has.
          await sendNotification({ method: `notifications/${kind}`, params: told } as never)
        }
        return text("said")
      }
      const { url } = yield* open({ server: answering({ ...changing, logging: {} }, handle) })
      const client = new StatelessClient(url)
      const filters = [
        { toolsListChanged: true },
        { promptsListChanged: true, toolsListChanged: false, resourceSubscriptions: [] },
        { resourcesListChanged: true },
        { resourceSubscriptions: ["test://a", "test://b"] }
      ]
      const listeners = yield* Effect.forEach(filters, (filter) => client.listen(filter))
      assert.deepStrictEqual(subscribed, ["test://a", "test://b"])
      yield* client.call("x")
      for (const [index, events] of listeners.entries()) {
        yield* eventually("its own word", () => events.messages().length > 1)
        const [, ...told] = events.messages()
        assert.deepStrictEqual(told.map(({ method }) => method), [`notifications/${kinds[index]}`])
        assert.deepStrictEqual(told[0]?.params?.["_meta"], {
          own: 1,
          "io.modelcontextprotocol/subscriptionId": index + 1
        })
      }
      const acknowledged = listeners.map((events) => events.messages()[0]?.params?.["notifications"])
      assert.deepStrictEqual(acknowledged, [filters[0], { promptsListChanged: true }, filters[2], filters[3]])
    }))

  it.live("is acknowledged as nothing by a server that tells nothing, and is refused when it is no list", () =>
    Effect.gen(function*() {
      const able = { tools: {}, prompts: {}, resources: {} }
      const host = yield* open({ server: answering(able, () => Promise.resolve({})) })
      const client = new StatelessClient(host.url)
      const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }
      const events = yield* client.listen({ ...all, resourceSubscriptions: ["test://a"] })
      yield* eventually("the end", events.isOver)
      assert.deepStrictEqual(events.messages()[0]?.params?.["notifications"], {})
      for (const resourceSubscriptions of [7, "test://a", {}, [7], null]) {
        const notifications = { resourceSubscriptions }
        const { message } = yield* client.outcome("subscriptions/listen", { notifications })
        assert.strictEqual(message.error?.code, -32602, JSON.stringify(resourceSubscriptions))
      }
      yield* isEmpty(host)
    }))

  it.live("includes what the server says that it listens to, which can ask nothing; and is forgotten when it leaves", () =>
    Effect.gen(function*() {
      const add = Listeners.prototype.add
      const listening = new Set<object>()
      Listeners.prototype.add = function(listener) {
        const remove = add.call(this, listener)
        listening.add(listener)
        return () => {
          listening.delete(listener)
          remove()
        }
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => void (Listeners.prototype.add = add)))
      const refusals: Array<unknown> = []
      const handle: Handle = async (_, extra) => {
        await extra.sendNotification({ method: "notifications/resources/updated", params: { uri: "test://a" } })
        await ask(extra, "elicitation/create").catch(({ message }) => refusals.push(message))
        return {}
      }
      const host = yield* open({ server: answering(changing, handle) })
      const events = yield* new StatelessClient(host.url).listen({ resourceSubscriptions: ["test://a"] })
      yield* eventually("its own server's word", () => events.messages().length === 2)
      yield* eventually("its server was refused", () => refusals.length === 1)
      assert.strictEqual(listening.size, 1)
      events.leave()
      yield* isEmpty(host)
      assert.strictEqual(listening.size, 0)
      const told: Array<string> = []
      const listeners = new Listeners()
      const filter = { toolsListChanged: true }
      const remove = listeners.add({ id: 1, principal: "ann", filter, tell: (text) => void told.push(text) })
      const changed = { _tag: "Notification", method: "notifications/tools/list_changed", params: undefined } as const
      listeners.publish("ann", changed)
      remove()
      listeners.publish("ann", changed)
      assert.strictEqual(told.length, 1)
    }))
})
