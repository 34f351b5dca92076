/** Resources whose contents are Effects, on an SDK server behind a real socket. */
import { assert, describe, it } from "@effect/vitest"
import * as EffectResource from "@holdfast/server/EffectResource"
import * as McpHost from "@holdfast/server/McpHost"
import { Session } from "@holdfast/server/Session"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { eventually } from "./support/eventually.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"
import { StatelessClient } from "./support/statelessClient.ts"

class Notes extends Context.Service<Notes, ReadonlyMap<string, string>>()("test/Notes") {}
class Locked extends Data.TaggedError("Locked") {
  override get message() {
    return "the drawer is locked"
  }
}

const notes = new Map([["today", "# Today"], ["a/b c%20d", "odd"]])

const ready = Effect.gen(function*() {
  const changes = yield* PubSub.unbounded<string>()
  const told: Array<string> = []
  let watching = 0
  const watched = (uri: string) =>
    Stream.unwrap(Effect.sync(() => {
      watching++
      return Stream.filter(Stream.fromPubSub(changes), (changed) => changed === uri)
    })).pipe(Stream.ensuring(Effect.sync(() => void watching--)))
  const server = Effect.gen(function*() {
    const mcp = new McpServer({ name: "notes", version: "1" })
    yield* EffectResource.register(mcp, "session", {
      uri: "session://number",
      title: "The session",
      changes: watched("session://number")
    }, ({ uri }) => Effect.map(Session, ({ number }) => `${uri} is ${number}`))
    yield* EffectResource.register(
      mcp,
      "picture",
      { uri: "http://example.org", mimeType: "image/png" },
      () => Effect.succeed(new Uint8Array([1, 2, 3]))
    )
    yield* EffectResource.register(mcp, "data", { uri: "data://sum" }, () => Effect.succeed({ sum: 42 }))
    yield* EffectResource.register(mcp, "locked", { uri: "drawer://locked" }, () => Effect.fail(new Locked()))
    yield* EffectResource.register(mcp, "broken", { uri: "drawer://broken" }, () => Effect.die(new Error("a secret")))
    yield* EffectResource.registerTemplate(mcp, "note", {
      uriTemplate: "note://by-day/{day}",
      variables: { day: Schema.NonEmptyString },
      mimeType: "text/markdown",
      list: Notes.useSync((notes) =>
        [...notes.keys()].map((day) => ({ uri: `note://by-day/${encodeURIComponent(day)}`, name: day }))
      ),
      complete: { day: (begun) => Notes.useSync((notes) => [...notes.keys()].filter((day) => day.startsWith(begun))) },
      changes: ({ day }) => watched(day)
    }, ({ day }) => Notes.useSync((notes) => notes.get(day)))
    yield* EffectResource.registerTemplate(mcp, "page", {
      uriTemplate: "page://{number}",
      variables: { number: Schema.Int }
    }, ({ number }) => Effect.succeed(`page ${number + 1}`))
    return mcp
  })
  const context = yield* Layer.build(
    McpHost.layerHttp({ server, port: 0, drainTimeout: "50 millis" }).pipe(
      Layer.provide([Layer.succeed(Notes, notes), Layer.succeed(References.MinimumLogLevel, "Fatal")])
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  const url = `http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`
  const client = new RawClient(url)
  yield* client.initialize()
  const ask = (method: string, params: object = {}) => Effect.flatMap(client.request(method, params), client.json)
  const read = (uri: string) =>
    Effect.map(ask("resources/read", { uri }), ({ error, result }) => error ?? result?.["contents"])
  return { ask, changes, client, read, told, url, watching: () => watching }
})

describe("a resource that is an Effect", () => {
  it.live("is listed, and read with the session of its request, in the form of its answer", () =>
    Effect.gen(function*() {
      const { ask, read } = yield* ready
      const { result } = yield* ask("resources/list")
      assert.deepInclude(result?.["resources"], { uri: "session://number", name: "session", title: "The session" })
      assert.deepInclude(result?.["resources"], {
        uri: "note://by-day/today",
        name: "today",
        mimeType: "text/markdown"
      })
      assert.deepStrictEqual(yield* read("session://number"), [
        { uri: "session://number", mimeType: "text/plain", text: "session://number is 1" }
      ])
      // A uri that `URL` writes in another way.
      assert.deepStrictEqual(yield* read("http://example.org"), [
        { uri: "http://example.org/", mimeType: "image/png", blob: "AQID" }
      ])
      assert.deepStrictEqual(yield* read("data://sum"), [
        { uri: "data://sum", mimeType: "application/json", text: "{\"sum\":42}" }
      ])
    }))

  it.live("tells the client what it fails with, and not what it dies of", () =>
    Effect.gen(function*() {
      const { read } = yield* ready
      assert.deepStrictEqual(yield* read("drawer://locked"), { code: -32603, message: "the drawer is locked" })
      assert.deepStrictEqual(yield* read("drawer://broken"), {
        code: -32603,
        message: "the resource broken has failed; see the server's log"
      })
    }))

  it.live("of a uri that is none is a mistake of the program, told when it is registered", () =>
    Effect.gen(function*() {
      const registered = Effect.scoped(EffectResource.register(
        new McpServer({ name: "x", version: "1" }),
        "x",
        { uri: "today" },
        () => Effect.succeed("")
      ))
      // Nothing of the session is asked for.
      const cause = yield* Effect.flip(Effect.sandbox(Effect.provideService(registered, Session, {} as never)))
      assert.match(String(cause), /the resource x: "today" is no absolute uri/)
    }))
})

describe("a template of resources", () => {
  // modelcontextprotocol/typescript-sdk#2728, cyanheads/mcp-ts-core#490
  it.live("gives its handler variables that are decoded once, and refuses an escape that is none", () =>
    Effect.gen(function*() {
      const { ask, read } = yield* ready
      assert.deepStrictEqual((yield* ask("resources/templates/list")).result?.["resourceTemplates"], [
        { name: "note", uriTemplate: "note://by-day/{day}", mimeType: "text/markdown" },
        { name: "page", uriTemplate: "page://{number}" }
      ])
      assert.deepStrictEqual(yield* read("note://by-day/a%2Fb%20c%2520d"), [
        { uri: "note://by-day/a%2Fb%20c%2520d", mimeType: "text/markdown", text: "odd" }
      ])
      assert.deepInclude(yield* read("note://by-day/%E0%A4%A"), { code: -32602 })
    }))

  it.live("gives it what its schema says, and refuses what does not fit; undefined is no such resource", () =>
    Effect.gen(function*() {
      const { read } = yield* ready
      assert.deepStrictEqual(yield* read("page://41"), [{ uri: "page://41", mimeType: "text/plain", text: "page 42" }])
      const misfit = yield* read("page://last")
      assert.deepInclude(misfit, { code: -32602 })
      assert.match(JSON.stringify(misfit), /the variables of page:\/\/last do not fit: .*number/)
      assert.deepStrictEqual(yield* read("note://by-day/never"), {
        code: -32602,
        message: "there is no resource note://by-day/never",
        data: { uri: "note://by-day/never" }
      })
    }))

  it.live("proposes values for its variables", () =>
    Effect.gen(function*() {
      const { ask } = yield* ready
      const { result } = yield* ask("completion/complete", {
        ref: { type: "ref/resource", uri: "note://by-day/{day}" },
        argument: { name: "day", value: "to" }
      })
      assert.deepInclude(result?.["completion"], { values: ["today"] })
    }))
})

describe("subscriptions to resources", () => {
  it.live("are told the changes of what is subscribed to alone, until the client unsubscribes", () =>
    Effect.gen(function*() {
      const { ask, changes, client, watching } = yield* ready
      const events = eventsOf(yield* client.send(undefined, {}, "GET"))
      for (const uri of ["session://number", "note://by-day/today"]) {
        assert.deepStrictEqual((yield* ask("resources/subscribe", { uri })).result, {})
        // Asking again is no second subscription.
        assert.deepStrictEqual((yield* ask("resources/subscribe", { uri })).result, {})
      }
      yield* eventually("both are watched", () => watching() === 2)
      for (const changed of ["other", "today", "session://number"]) yield* PubSub.publish(changes, changed)
      yield* eventually("both are told", () => events.messages().length === 2)
      assert.deepStrictEqual(
        events.messages().map(({ method, params }) => [method, params?.["uri"]]).toSorted(),
        [
          ["notifications/resources/updated", "note://by-day/today"],
          ["notifications/resources/updated", "session://number"]
        ]
      )
      yield* ask("resources/unsubscribe", { uri: "session://number" })
      yield* eventually("one is watched", () => watching() === 1)
      yield* client.send(undefined, {}, "DELETE")
      yield* eventually("none is watched", () => watching() === 0)
    }))

  it.live("to what tells no changes are refused", () =>
    Effect.gen(function*() {
      const { ask } = yield* ready
      for (const uri of ["data://sum", "page://1", "nothing://here"]) {
        assert.deepInclude((yield* ask("resources/subscribe", { uri })).error, {
          code: -32602,
          message: `there is no resource ${uri} that tells of its changes`
        })
      }
    }))

  it.live("are a thousand of a client at most, each a fiber until it is given up", () =>
    Effect.gen(function*() {
      const { ask, client, watching } = yield* ready
      const uriOf = (index: number) => `note://by-day/${index}`
      const answers = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, index) => uriOf(index)),
        (uri) => ask("resources/subscribe", { uri }),
        { concurrency: 50 }
      )
      assert.isTrue(answers.every(({ error }) => error === undefined))
      yield* eventually("all are watched", () => watching() === 1000)
      const refused = yield* ask("resources/subscribe", { uri: uriOf(1000) })
      assert.deepInclude(refused.error, {
        code: -32602,
        message: "no more than 1000 resources can be subscribed to at once"
      })
      yield* ask("resources/unsubscribe", { uri: uriOf(0) })
      assert.isUndefined((yield* ask("resources/subscribe", { uri: uriOf(1000) })).error)
      yield* client.send(undefined, {}, "DELETE")
      yield* eventually("none is watched", () => watching() === 0)
    }))

  it.live("of revision 2026-07-28 are told as well", () =>
    Effect.gen(function*() {
      const { changes, url, watching } = yield* ready
      const client = new StatelessClient(url)
      const events = eventsOf(
        yield* client.ask("subscriptions/listen", { notifications: { resourceSubscriptions: ["note://by-day/today"] } })
      )
      yield* eventually("it is watched", () => watching() === 1)
      yield* PubSub.publish(changes, "today")
      yield* eventually("it is told", () =>
        events.messages().some(({ method }) => method === "notifications/resources/updated"))
      events.leave()
      yield* eventually("it is watched no more", () =>
        watching() === 0)
    }))
})
