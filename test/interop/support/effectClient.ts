/** Effect's own client. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { McpClient, McpProtocol } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Scope from "effect/Scope"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

const open =
  (protocol: typeof McpProtocol.v2025_11_25 | typeof McpProtocol.v2026_07_28) => (place: Place): Promise<Connected> => {
    const { within } = place
    const info = { name: "effect", version: "1", protocol }
    const layer = place._tag === "Stdio"
      ? McpClient.layerStdio({ ...info, command: ChildProcess.make(place.command, place.args) }).pipe(
        Layer.provide(NodeServices.layer)
      )
      : McpClient.layerHttp({ ...info, url: place.url.href }).pipe(Layer.provide(FetchHttpClient.layer))
    return Effect.runPromise(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const client = yield* Effect.provide(McpClient.McpClient, yield* Layer.buildWithScope(layer, scope))
      const run = Effect.runPromiseWith(yield* Effect.context<never>())
      const find = <A extends { readonly name: string }>(all: ReadonlyArray<A>, name: string): Effect.Effect<A> => {
        const found = all.find((one) => one.name === name)
        return found === undefined ? Effect.die(new Error(`there is no ${name}`)) : Effect.succeed(found)
      }
      const toolOf = async (name: string) => {
        const tool = await run(Effect.flatMap(client.listTools(), (all) => find(all, name)))
        return (args: Record<string, unknown>) =>
          run(
            Effect.map(client.callTool({ tool, arguments: args }), textOf).pipe(
              within === undefined ? identity : Effect.timeout(within)
            )
          )
      }
      return {
        tools: () =>
          run(
            Effect.map(
              client.listTools(),
              (all) => Object.fromEntries(all.map((tool) => [tool.name, tool.inputSchema]))
            )
          ),
        call: async (name, args) => (await toolOf(name))(args),
        tool: toolOf,
        resources: () => run(Effect.map(client.listResources(), (all) => all.map(({ uri }) => uri))),
        read: (uri) => run(client.readResource({ uri })),
        prompts: () => run(Effect.map(client.listPrompts(), (all) => all.map(({ name }) => name))),
        prompt: (name, args) =>
          run(
            client.listPrompts().pipe(
              Effect.flatMap((all) => find(all, name)),
              Effect.flatMap((prompt) => client.getPrompt({ prompt, arguments: args }))
            )
          ),
        close: () => run(Scope.close(scope, Exit.void))
      }
    }))
  }

export const effectClient: Client = {
  name: "Effect's own client",
  // It knows no tasks.
  hides: ["count"],
  transports: {
    http: open(McpProtocol.v2025_11_25),
    stateless: open(McpProtocol.v2026_07_28),
    stdio: open(McpProtocol.v2025_11_25),
    "stateless stdio": open(McpProtocol.v2026_07_28)
  }
}
