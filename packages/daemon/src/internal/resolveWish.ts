/**
 * What a client wants, as a server that can be started. A server of a config file is read with the client's environment, as the client
 * itself would have read it.
 */
import { PoolPolicy } from "@holdfast/core"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as Effect from "effect/Effect"
import { DaemonRefusal } from "../DaemonRefusal.ts"
import type * as Hello from "../Hello.ts"
import { instanceMark, isCommand, type WantedServer, wantedServer } from "../ServerTarget.ts"

type ServerWish = Exclude<Hello.Wish, { readonly daemon: true }>

export const resolveWish = (hello: Hello.Hello, wish: ServerWish): Effect.Effect<WantedServer, DaemonRefusal> =>
  "server" in wish ? fromConfig(hello, wish) : Effect.map(commandPolicy, (policy) => {
    const { args, command, cwd, env, inheritEnv } = wish.endpoint
    const endpoint = Endpoint.stdio({ command, args, cwd, env, inheritEnv })
    return wantedServer(endpoint, hello, { name: wish.name ?? nameOf(command), policy })
  })

/** As for a command that an application brings along: a first `npx` downloads. It does not contradict itself. */
const commandPolicy = Effect.orDie(
  PoolPolicy.make({ connectTimeout: "2 minutes", acquireTimeout: "150 seconds", idleTimeout: "5 minutes" })
)

const fromConfig = Effect.fnUntraced(function*(
  hello: Hello.Hello,
  { config, server }: Extract<ServerWish, { readonly server: string }>
): Effect.fn.Return<WantedServer, DaemonRefusal> {
  const refuse = (message: string) => new DaemonRefusal("BadWish", message)
  const { servers, unusable } = yield* Effect.mapError(
    McpConfig.load(config, { environment: hello.environment, instance: instanceMark }),
    ({ message }) => refuse(message)
  )
  const found = servers.get(server)
  if (found === undefined) {
    return yield* Effect.fail(
      refuse(unusable.get(server)?.message ?? `${config} has no server ${JSON.stringify(server)}`)
    )
  }
  const { endpoint } = found
  if (!isCommand(endpoint)) {
    return yield* Effect.fail(
      refuse(`${server} is behind a url, and has no process here that could be shared; connect to it directly`)
    )
  }
  return wantedServer(endpoint, hello, found)
})

const nameOf = (command: string): string => command.slice(command.lastIndexOf("/") + 1)
