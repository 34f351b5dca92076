/**
 * What every client may expect of our hosts, whoever wrote it: each operation twice in one session, from two sessions at once, and again after
 * a new connection.
 */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { contractStdio } from "../../Programs.ts"
import { layer, server } from "./contractServer.ts"

/** Where a client connects to. `within`: the deadline of each call, in milliseconds, where the client has one. */
export type Place =
  & { readonly within?: number }
  & (
    | { readonly _tag: "Http" | "Sse"; readonly url: URL }
    | { readonly _tag: "Stdio"; readonly command: string; readonly args: Array<string> }
  )

/** A client that is connected. What it cannot do is left out. */
export interface Connected {
  /** The schemas of the arguments of all tools, by their names, asked for anew each time. */
  readonly tools: () => Promise<Readonly<Record<string, unknown>>>
  /** The text that a tool answers with. */
  readonly call: (name: string, args: Record<string, unknown>) => Promise<string>
  /** The tool itself, where the client calls what it has listed. */
  readonly tool?: (name: string) => Promise<(args: Record<string, unknown>) => Promise<string>>
  readonly ping?: () => Promise<unknown>
  readonly resources?: () => Promise<ReadonlyArray<string>>
  readonly read?: (uri: string) => Promise<unknown>
  readonly prompts?: () => Promise<ReadonlyArray<string>>
  readonly prompt?: (name: string, args: Record<string, string>) => Promise<unknown>
  readonly close: () => Promise<void>
}

/** A client, and how it connects over each transport that it has. */
export interface Client {
  readonly name: string
  readonly transports: Partial<Readonly<Record<Transport, (place: Place) => Promise<Connected>>>>
  /** Tools that it shows nobody. */
  readonly hides?: ReadonlyArray<string>
}

export type Transport = "http" | "stateless" | "sse" | "stdio" | "stateless stdio"

/** The hosts that a transport is tried on, each as it is told in a sentence. */
const hosts: ReadonlyArray<readonly [Transport, sentence: string, place: Place["_tag"], keep?: number]> = [
  ["http", "over Streamable HTTP, with sessions", "Http"],
  ["stateless", "over Streamable HTTP, without sessions", "Http"],
  ["stateless", "over Streamable HTTP, without sessions, by servers that are kept", "Http", 8],
  ["sse", "over HTTP+SSE", "Sse"],
  ["stdio", "over stdio, in a session", "Stdio"],
  ["stateless stdio", "over stdio, without a session", "Stdio"]
]

const host = (keep: number) =>
  Effect.map(
    Layer.build(
      McpHost.layerHttp({ server, port: 0, legacySse: true, stateless: { keep }, drainTimeout: "100 millis" }).pipe(
        Layer.provide([layer, Layer.succeed(References.MinimumLogLevel, "Warn")])
      )
    ),
    (context) => {
      const { address } = Context.get(context, HttpServer.HttpServer)
      return `http://127.0.0.1:${"port" in address ? address.port : 0}`
    }
  )

const placed = (_tag: Place["_tag"], keep: number): Effect.Effect<Place, unknown, Scope.Scope> =>
  _tag === "Stdio"
    ? Effect.succeed({ _tag, command: process.execPath, args: [contractStdio] })
    : Effect.map(host(keep), (url) => ({ _tag, url: new URL(`${url}/${_tag === "Sse" ? "sse" : "mcp"}`) }))

const tools = [
  "answer_count",
  "cancel_count",
  "count",
  "echo",
  "get_count_progress",
  "get_count_results",
  "list_counts",
  "measure",
  "nothing",
  "remove_count",
  "run_count"
]

/** Every operation once. Returns what was shown, which is to be the same each time. */
const exercise = async (client: Connected, hidden: ReadonlyArray<string>, text: string): Promise<unknown> => {
  const shown = await client.tools()
  assert.deepStrictEqual(Object.keys(shown).toSorted(), tools.filter((name) => !hidden.includes(name)))
  assert.nestedProperty(shown["echo"], "properties.text")
  assert.nestedProperty(shown["measure"], "properties.tree")
  assert.nestedProperty(shown["get_count_progress"], "properties.wait_seconds")
  assert.strictEqual(await client.call("echo", { text }), text)
  assert.strictEqual(await client.call("nothing", {}), "nothing was asked")
  const tree = { children: [{ children: [] }, { children: [{ children: [] }] }] }
  assert.include(await client.call("measure", { tree }), "4")
  const [id = ""] = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(await client.call("run_count", { to: 3 })) ?? []
  assert.match(await client.call("get_count_progress", { id, wait_seconds: 20 }), /succeeded/)
  assert.include(await client.call("get_count_results", { id }), "[1,2,3]")
  assert.include(await client.call("list_counts", {}), id)
  await client.ping?.()
  const [resources, prompts] = [await client.resources?.(), await client.prompts?.()]
  if (client.read !== undefined) assert.include(JSON.stringify(await client.read("note://one")), "a note")
  if (client.prompt !== undefined) {
    assert.include(JSON.stringify(await client.prompt("greet", { name: "Ann" })), "Greet Ann")
  }
  return { shown, resources, prompts }
}

/** One test for each transport of a client's. */
export const holdsFor = ({ hides = [], name, transports }: Client): void => {
  describe(name, () => {
    for (const [transport, sentence, place, keep = 0] of hosts) {
      const open = transports[transport]
      if (open === undefined) continue
      it.live(`finds everything twice, from two sessions and after a new connection, ${sentence}`, () =>
        Effect.gen(function*() {
          const there = yield* placed(place, keep)
          const connect = Effect.acquireRelease(
            Effect.promise(() => open(there)),
            (client) => Effect.promise(() => client.close())
          )
          const before = yield* Effect.scoped(Effect.gen(function*() {
            const [one, other] = yield* Effect.all([connect, connect], { concurrency: 2 })
            const first = yield* Effect.promise(() => exercise(one, hides, "one"))
            const both = yield* Effect.promise(() =>
              Promise.all([exercise(one, hides, "again"), exercise(other, hides, "other")])
            )
            assert.deepStrictEqual(both, [first, first])
            return first
          }))
          const later = yield* connect
          assert.deepStrictEqual(yield* Effect.promise(() => exercise(later, hides, "later")), before)
          assert.deepStrictEqual(yield* Effect.promise(() => exercise(later, hides, "and again")), before)
        }))
    }
  })
}
