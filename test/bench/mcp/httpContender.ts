/** One contender of the benchmark of calls over HTTP, alone in its process with a server of its own. Named by its argument. */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { Agent, request } from "undici"
import { contend, type Contender, withFibers, withPromises } from "./contending.ts"

/** The server ends with this process. */
const open = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "http-echo-server.ts")], {
      stdio: ["pipe", "pipe", "inherit"]
    })
    child.stdout.once("data", (port) => resolve(`http://127.0.0.1:${String(port).trim()}/mcp`))
    child.once("exit", (code) => reject(new Error(`the server of the benchmark ended with ${code}`)))
  })

/** Nothing but what the wire needs: a request by undici, the text of its answer, its JSON. No session, no deadline, no check. */
const byHand: Contender = async (measure) => {
  const url = await open()
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 })
  const headers = {
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2025-11-25",
    "mcp-session-id": "one"
  }
  let id = 0
  await measure(withPromises(async (input) => {
    const { body } = await request(url, {
      dispatcher,
      method: "POST",
      headers,
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: ++id,
        method: "tools/call",
        params: { name: "echo", arguments: input }
      })
    })
    const message = JSON.parse(await body.text())
    return message.result.content[0].text
  }))
  await dispatcher.close()
  process.exit()
}

const sdk: Contender = async (measure) => {
  const client = new Client({ name: "bench", version: "1" })
  // The SDK's declaration of its own transport does not allow for exact optional properties.
  await client.connect(
    new StreamableHTTPClientTransport(new URL(await open())) as Parameters<typeof client.connect>[0]
  )
  await measure(withPromises((input) => client.callTool({ name: "echo", arguments: { ...input } })))
  process.exit()
}

const runtime: Contender = (measure) =>
  Effect.runPromise(Effect.gen(function*() {
    const url = yield* Effect.promise(open)
    const config = yield* McpConfig.make({ echo: { endpoint: Endpoint.http({ url }), era: "legacy" } })
    yield* Effect.provide(
      Effect.gen(function*() {
        const mcp = yield* McpConnections
        const run = yield* withFibers((input) =>
          mcp.callTool("echo", { name: "echo", arguments: { ...input } }, { idempotent: false })
        )
        yield* Effect.promise(() => measure(run))
      }),
      McpConnections.layer(config)
    )
    process.exit()
  }))

await contend({ "undici by hand": byHand, runtime, SDK: sdk })
