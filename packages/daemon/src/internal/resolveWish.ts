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
import { plainUrl } from "./plainUrl.ts"
import type { WantedUrl } from "./urlServers.ts"

type ServerWish = Exclude<Hello.Wish, { readonly daemon: true }>

export const resolveWish = (
  hello: Hello.Hello,
  wish: ServerWish
): Effect.Effect<WantedServer | WantedUrl, DaemonRefusal> =>
  "server" in wish ?
    fromConfig(hello, wish) :
    "http" in wish ?
    fromUrl(hello, wish) :
    Effect.map(commandPolicy, (policy) => {
      const { args, command, cwd, env, inheritEnv } = wish.endpoint
      const endpoint = Endpoint.stdio({ command, args, cwd, env, inheritEnv })
      const origin = { from: "command" as const, command: [command, ...args].join(" ") }
      return wantedServer(endpoint, hello, { name: wish.name ?? nameOf(command), policy, origin })
    })

/** As for a command that an application brings along: a first `npx` downloads. It does not contradict itself. */
const commandPolicy = Effect.orDie(
  PoolPolicy.make({ connectTimeout: "2 minutes", acquireTimeout: "150 seconds", idleTimeout: "5 minutes" })
)

const fromConfig = Effect.fnUntraced(function*(
  hello: Hello.Hello,
  { config, server }: Extract<ServerWish, { readonly server: string }>
): Effect.fn.Return<WantedServer | WantedUrl, DaemonRefusal> {
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
  const origin = { from: "config" as const, file: config }
  if (isCommand(endpoint)) return wantedServer(endpoint, hello, { ...found, origin })
  return { name: server, origin, config: found, proxies: proxiesOf(hello.environment) }
})

const fromUrl = (
  hello: Hello.Hello,
  { http: { headers, transport, url }, name = hostOf(url) }: Extract<ServerWish, { readonly http: object }>
): Effect.Effect<WantedUrl, DaemonRefusal> => {
  const endpoint = transport === "sse" ? Endpoint.sse({ url, headers }) : Endpoint.http({ url, headers })
  return McpConfig.make({ [name]: endpoint }).pipe(
    Effect.mapError(({ message }) => new DaemonRefusal("BadWish", message)),
    Effect.flatMap(({ servers }) => {
      const config = servers.get(name)
      const origin = { from: "command" as const, command: plainUrl(endpoint) }
      return config === undefined
        ? Effect.die(new Error(`${name} is in the config that was made of it`))
        : Effect.succeed({ name, origin, config, proxies: proxiesOf(hello.environment) })
    })
  )
}

/** For messages. */
const hostOf = (url: string): string => URL.canParse(url) ? new URL(url).host : url

/** The client's, as its own client would have read them. */
const proxiesOf = (environment: Hello.Hello["environment"]): WantedUrl["proxies"] => {
  const variable = (name: string): string | undefined => environment[name.toLowerCase()] ?? environment[name]
  return { httpProxy: variable("HTTP_PROXY"), httpsProxy: variable("HTTPS_PROXY"), noProxy: variable("NO_PROXY") }
}

const nameOf = (command: string): string => command.slice(command.lastIndexOf("/") + 1)
