/** A catalogue that knows the server `fs`: its tools `write` (path, mode, at) and `walk`. */
import * as Catalogue from "@holdfast/daemon/Catalogue"
import * as CatalogueFiles from "@holdfast/daemon/CatalogueFiles"
import * as RawMessage from "@holdfast/daemon/RawMessage"

const message = (value: object): RawMessage.RawMessage => {
  const messages = RawMessage.read(JSON.stringify({ jsonrpc: "2.0", id: 1, ...value }))
  if (typeof messages === "string" || messages[0] === undefined) throw new Error("no message")
  return messages[0]
}

/** As a program beside a host keeps it. */
export const keepTools = (environment: Readonly<Record<string, string>>): void => {
  const wants = { endpoint: { command: "fs-server", args: [], cwd: "/", env: {}, inheritEnv: false }, name: "fs" }
  const store = CatalogueFiles.open({ wants, environment })
  if (store === undefined) throw new Error("no place")
  const initialize = message({ method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {} } })
  const inputSchema = { properties: { mode: { enum: ["over", "a b"] }, path: { type: "string" }, at: {} } }
  new Catalogue.Catalogue({ store, name: "fs" }).learn(
    message({ method: "tools/list", params: {} }),
    message({ result: { tools: [{ name: "write", inputSchema }, { name: "walk" }] } }),
    initialize
  )
}
