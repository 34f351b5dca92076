/**
 * The server that `docs/replicas.md` shows, as a process of its own: word for word but for ports and for the address it listens on.
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Debian from "./debianProgram.ts"
import { blockWith, pageOf, replaceOnce } from "./documentExample.ts"

export const tokens = { client: "client-token-0123456789", operator: "operator-token-0123456789" }

/** The program as it stands there. */
export const text = blockWith(pageOf("replicas.md"), "ts", "McpHost.layerHttp")

const startOn = (address: string, scrapedBy: string) =>
  Effect.gen(function*() {
    const [port, adminPort] = yield* Effect.all([Debian.freePort, Debian.freePort])
    let program = text.replaceAll("\"0.0.0.0\"", JSON.stringify(address))
    program = replaceOnce(program, "port: 8080", `port: ${port}`)
    program = replaceOnce(program, "port: 9464", `port: ${adminPort}`)
    // Clients of the tests call it by its address; what probes it says the port that it has outside of tests.
    program = replaceOnce(program, "[\"mcp.example.org\"]", `["mcp.example.org", "127.0.0.1", "${address}"]`)
    program = replaceOnce(program, "allowedHosts: [\"10.0.0.11\"", `allowedHosts: ["localhost:9464", "${scrapedBy}"`)
    const running = yield* Debian.run(process.execPath, ["--input-type=module-typescript", "-"], {
      // Where what it imports is found.
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { MCP_TOKENS: `client:${tokens.client}`, OPERATOR_TOKENS: `operator:${tokens.operator}` },
      input: program,
      isReady: Effect.map(
        Effect.all([
          Debian.statusOf(`http://${address}:${adminPort}/readyz`, { host: `localhost:${adminPort}` }),
          Debian.statusOf(`http://${address}:${port}/mcp`)
        ]),
        ([ready, served]) => ready === 200 && served !== 0
      )
    })
    return { ...running, port, adminPort, address: `${address}:${port}`, url: `http://${address}:${port}/mcp` }
  })

/**
 * Runs until the Scope closes. `scrapedBy`: the name that its operators' port knows; default: the address it listens on. Somebody else may take
 * a port that was free: then on others.
 */
export const start = (address = "127.0.0.1", scrapedBy = address) =>
  startOn(address, scrapedBy).pipe(Effect.retry({ times: 2 }), Effect.orDie)
