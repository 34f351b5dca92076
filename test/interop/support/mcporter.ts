/** mcporter, as a library. */
import { createRuntime, type ServerDefinition } from "mcporter"
import type { Client, Connected, Place } from "./contract.ts"
import { textOf } from "./textOf.ts"

const open = async (place: Place): Promise<Connected> => {
  const { within: timeoutMs } = place
  const command: ServerDefinition["command"] = place._tag === "Stdio"
    ? { kind: "stdio", command: place.command, args: place.args, cwd: import.meta.dirname }
    : { kind: "http", url: place.url }
  const runtime = await createRuntime({ servers: [{ name: "host", command }] })
  return {
    tools: async () =>
      Object.fromEntries(
        (await runtime.listTools("host", { includeSchema: true })).map((tool) => [tool.name, tool.inputSchema])
      ),
    call: async (name, args) =>
      textOf(await runtime.callTool("host", name, { args, ...timeoutMs !== undefined && { timeoutMs } })),
    resources: async () => [JSON.stringify(await runtime.listResources("host"))],
    read: (uri) => runtime.readResource("host", uri),
    close: () => runtime.close()
  }
}

export const mcporter: Client = { name: "mcporter", transports: { http: open, stdio: open } }
