/**
 * The schemas of tools as clients are shown them: by the SDK's own client, which compiles each before it shows any. One that refers to what it does not
 * hold (typescript-sdk#1175), or has no object at its root (mastra-ai/mastra#18255), costs all tools of a server.
 */
import { assert, describe, it } from "@effect/vitest"
import * as SdkTool from "@holdfast/server/SdkTool"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite, y: Schema.Finite }) {}
const Named = Schema.Struct({ point: Point, label: Schema.String }).annotate({ identifier: "a/b ~ c%" })
interface Tree {
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({ children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)) }).annotate({
  identifier: "Tree"
})

const schemas: Readonly<Record<string, Schema.Codec<unknown, unknown>>> = {
  struct: Schema.Struct({ text: Schema.String, pair: Schema.Tuple([Schema.String, Schema.Int]) }),
  empty: Schema.Struct({}),
  class: Point,
  named: Named,
  recursive: Tree,
  holding: Schema.Struct({ tree: Tree, one: Point, other: Point }),
  either: Schema.Union([Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.Int })]),
  record: Schema.Record(Schema.String, Schema.Int),
  anything: Schema.Struct({
    data: Schema.Json.annotate({ description: "Whatever it is." }),
    properties: Schema.Unknown,
    list: Schema.Array(Schema.Json),
    either: Schema.Union([Schema.Struct({ inner: Schema.Json }), Schema.Int])
  })
}

const serverOf = (annotations: { readonly readOnlyHint: boolean }) => {
  const mcp = new McpServer({ name: "schemas", version: "1" })
  for (const [name, input] of Object.entries(schemas)) {
    const handler = () => Effect.succeed({ content: [], structuredContent: {} })
    SdkTool.register(mcp, { name, input, output: input, annotations, handler }, (call) => call)
  }
  return mcp
}

const clientOf = (mcp: McpServer) =>
  Effect.gen(function*() {
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    const client = new Client({ name: "test", version: "1" })
    yield* Effect.promise(() => mcp.connect(ours))
    yield* Effect.acquireRelease(
      Effect.promise(() => client.connect(theirs)),
      () => Effect.promise(() => client.close())
    )
    return client
  })

interface Listed {
  readonly name: string
  readonly inputSchema: { readonly properties?: Readonly<Record<string, object>> }
  readonly outputSchema: object
  readonly annotations: object
}

const schemasOf = ({ inputSchema, outputSchema }: Listed) => [inputSchema, outputSchema]

/** The very objects that a server answers `tools/list` with. */
const listing = (mcp: McpServer) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const [ours, theirs] = InMemoryTransport.createLinkedPair()
        await mcp.connect(ours)
        return theirs
      }),
      () => Effect.promise(() => mcp.close())
    ),
    (theirs) => ({
      list: Effect.callback<ReadonlyArray<Listed>>((resume) => {
        theirs.onmessage = (message) => {
          // The answer to the one request, by this server.
          if ("result" in message) resume(Effect.succeed(message.result["tools"] as ReadonlyArray<Listed>))
        }
        void theirs.send({ jsonrpc: "2.0", id: 1, method: "tools/list" })
      })
    })
  )

/** Everything that is referred to in a schema. */
const refsIn = (value: unknown): ReadonlyArray<string> =>
  typeof value !== "object" || value === null
    ? []
    : Object.entries(value).flatMap(([key, inner]) => key === "$ref" ? [String(inner)] : refsIn(inner))

const at = (root: unknown, ref: string): unknown =>
  ref.split("/").slice(1).map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")).reduce(
    (value: unknown, key) =>
      typeof value === "object" && value !== null
        ? new Map(Object.entries(value)).get(key)
        : undefined,
    root
  )

describe("the schema of a tool", () => {
  it.effect("has an object at its root and holds all that it refers to, whatever it was made of", () =>
    Effect.gen(function*() {
      const client = yield* clientOf(serverOf({ readOnlyHint: true }))
      // It refuses the whole list for one schema that it cannot compile.
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepStrictEqual(tools.map(({ name }) => name), Object.keys(schemas))
      for (const { inputSchema, name, outputSchema } of tools) {
        for (const schema of [inputSchema, outputSchema]) {
          assert.strictEqual(schema?.type, "object", name)
          assert.notProperty(schema, "$ref", name)
          for (const ref of refsIn(schema)) assert.isDefined(at(schema, ref), `${name}: ${ref}`)
        }
      }
      const byName = new Map(tools.map((tool) => [tool.name, tool.inputSchema]))
      assert.deepStrictEqual(byName.get("class")?.required, ["x", "y"])
      assert.deepStrictEqual(byName.get("named")?.required, ["point", "label"])
      assert.deepStrictEqual(byName.get("empty")?.properties, {})
      assert.lengthOf(byName.get("either")?.["anyOf"] as ReadonlyArray<object>, 2)
    }))

  it.effect("is the same for every list of every server, whatever is done in this process to what was listed", () =>
    Effect.gen(function*() {
      const annotations = { readOnlyHint: true }
      const { list } = yield* listing(serverOf(annotations))
      const first = yield* list
      const before = structuredClone(first)
      for (const { annotations, inputSchema } of first) {
        for (const value of [annotations, inputSchema, ...Object.values(inputSchema.properties ?? {})]) {
          for (const key of Object.keys(value)) Reflect.deleteProperty(value, key)
        }
      }
      assert.deepStrictEqual((yield* list).map(schemasOf), before.map(schemasOf))
      const another = yield* listing(serverOf(annotations))
      assert.deepStrictEqual(yield* another.list, before)
    }))

  it.live("say of a member that it may be any JSON: one that says nothing is refused by some clients, and warned of by others", () =>
    Effect.gen(function*() {
      const client = yield* clientOf(serverOf({ readOnlyHint: true }))
      const { tools } = yield* Effect.promise(() => client.listTools())
      const silent: Array<string> = []
      const words = new Set(["title", "description", "default", "examples", "$comment"])
      const walk = (schema: unknown, place: string): void => {
        if (typeof schema !== "object" || schema === null) return
        if (Object.keys(schema).every((keyword) => words.has(keyword))) silent.push(place)
        for (const [keyword, value] of Object.entries(schema)) {
          if (["items", "not"].includes(keyword)) walk(value, `${place}/${keyword}`)
          if (!["properties", "$defs", "anyOf", "oneOf", "allOf", "prefixItems"].includes(keyword)) continue
          for (const [name, member] of Object.entries(value)) walk(member, `${place}/${keyword}/${name}`)
        }
      }
      for (const { inputSchema, name, outputSchema } of tools) {
        walk(inputSchema, `${name}/input`)
        walk(outputSchema, `${name}/output`)
      }
      assert.deepStrictEqual(silent, [])
      const { inputSchema } = tools.find(({ name }) => name === "anything") ?? {}
      assert.strictEqual(Object.keys(inputSchema?.properties ?? {}).join(), "data,properties,list,either")
      assert.deepInclude(inputSchema?.properties?.["data"], { description: "Whatever it is." })
    }))
})
