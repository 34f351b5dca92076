/**
 * The client that the official conformance suite puts to the test: what it does is @holdfast/mcp's, what it is told to do is
 * here, scenario by scenario. The suite appends the server's url to the command and names the scenario in the environment.
 *
 * Exit code 1 with the error on stderr when something fails; scenarios that expect a failure judge the traffic, not the code.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { type ClientHandlers, Endpoint, McpConfig, McpConnections, type McpRuntimeError } from "@holdfast/mcp"
import * as Effect from "effect/Effect"
import * as Authorization from "./authorization.ts"

const server = "conformance"
const { MCP_CONFORMANCE_CONTEXT = "{}", MCP_CONFORMANCE_PROTOCOL_VERSION = "", MCP_CONFORMANCE_SCENARIO = "" } =
  process.env
const url = process.argv.at(-1) ?? ""

type Members = Readonly<Record<string, unknown>>
const isMembers = (value: unknown): value is Members => typeof value === "object" && value !== null
const member = (value: unknown, name: string): unknown => isMembers(value) ? value[name] : undefined

/** Accepts, with the defaults the form states (SEP-1034) and `true` for what is to be confirmed. */
const elicitation: ClientHandlers["elicitation"] = (params) => {
  const properties = member(member(params, "requestedSchema"), "properties")
  const content = isMembers(properties)
    ? Object.entries(properties).flatMap(([name, property]): Array<[string, unknown]> => {
      const stated = member(property, "default")
      if (stated !== undefined) return [[name, stated]]
      return member(property, "type") === "boolean" ? [[name, true]] : []
    })
    : []
  return Effect.succeed({ action: "accept", content: Object.fromEntries(content) })
}

type Play = (mcp: McpConnections["Service"]) => Effect.Effect<unknown, McpRuntimeError>

const list: Play = (mcp) => mcp.listTools(server)
const call = (name: string, args: Members = {}): Play => (mcp) => mcp.callTool(server, { name, arguments: args })
const each = (...plays: ReadonlyArray<Play>): Play => (mcp) =>
  Effect.forEach(plays, (play) => play(mcp), { discard: true })

const plays: Readonly<Record<string, Play>> = {
  initialize: list,
  "request-metadata": list,
  "json-schema-ref-no-deref": list,
  tools_call: each(list, call("add_numbers", { a: 5, b: 3 })),
  "sse-retry": each(list, call("test_reconnection")),
  "elicitation-sep1034-client-defaults": each(list, call("test_client_elicitation_defaults")),
  "sep-2322-client-request-state": (mcp) =>
    Effect.andThen(
      list(mcp),
      Effect.forEach(
        ["test_mrtr_echo_state", "test_mrtr_unrelated", "test_mrtr_no_state", "test_mrtr_no_result_type"],
        (name) => call(name)(mcp),
        { concurrency: "unbounded" }
      )
    ),
  "json-schema-2020-12-preservation": (mcp) =>
    Effect.flatMap(mcp.listTools(server), (tools) => {
      const focal = tools.find(({ name }) => name !== "json_schema_echo")
      return call("json_schema_echo", { schema: focal?.inputSchema })(mcp)
    }),
  "http-standard-headers": (mcp) =>
    Effect.gen(function*() {
      for (const { name } of yield* mcp.listTools(server)) yield* call(name)(mcp)
      for (const { uri } of yield* mcp.listResources(server)) yield* mcp.readResource(server, uri)
      for (const { name } of yield* mcp.listPrompts(server)) yield* mcp.getPrompt(server, { name })
    }),
  "http-custom-headers": (mcp) =>
    Effect.gen(function*() {
      yield* mcp.listTools(server)
      const context: unknown = JSON.parse(MCP_CONFORMANCE_CONTEXT)
      const calls = member(context, "toolCalls")
      for (const asked of Array.isArray(calls) ? calls : []) {
        const args = member(asked, "arguments")
        yield* call(String(member(asked, "name")), isMembers(args) ? args : {})(mcp)
      }
    }),
  "http-invalid-tool-headers": (mcp) =>
    Effect.flatMap(
      mcp.listTools(server),
      (tools) => Effect.forEach(tools, ({ name }) => call(name, { region: "us-west1" })(mcp))
    )
}

const program = Effect.gen(function*() {
  const isGuarded = MCP_CONFORMANCE_SCENARIO.startsWith("auth/")
  const play = Object.hasOwn(plays, MCP_CONFORMANCE_SCENARIO) ? plays[MCP_CONFORMANCE_SCENARIO] : undefined
  if (play === undefined && !isGuarded) return yield* Effect.die(`no play for the scenario ${MCP_CONFORMANCE_SCENARIO}`)
  const era = MCP_CONFORMANCE_PROTOCOL_VERSION >= "2026-07-28" ? "modern" : "legacy"
  const handlers = MCP_CONFORMANCE_SCENARIO === "initialize" || isGuarded ? {} : { elicitation }
  const user = isGuarded
    ? yield* Authorization.make(url, MCP_CONFORMANCE_SCENARIO, JSON.parse(MCP_CONFORMANCE_CONTEXT))
    : undefined
  const config = yield* McpConfig.make({
    [server]: { endpoint: Endpoint.http({ url, authorizer: user?.authorizer }), era }
  })
  yield* Effect.provide(
    McpConnections.use((mcp) =>
      // The guarded servers have one tool, and some want more rights for it than for the list.
      user !== undefined ? user.play([list, call("test-tool")], mcp) : play?.(mcp) ?? Effect.void
    ),
    McpConnections.layer(config, { handlers })
  )
})

NodeRuntime.runMain(Effect.scoped(program))
