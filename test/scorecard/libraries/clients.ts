/** The libraries that are compared, in the versions of this workspace's lockfile. What they can do after a failure is switched on. */
import * as fs from "node:fs"
import * as path from "node:path"
import type { Client } from "../../interop/support/contract.ts"

export interface Library {
  readonly name: string
  /** Loaded in the program that uses it, and nothing else of them. */
  readonly client: () => Promise<Client>
  /** It has no deadline for a call. */
  readonly hasNoDeadline?: boolean
}

const test = path.resolve(import.meta.dirname, "../..")

const versionOf = (name: string): string => {
  const manifest = path.join(test, "node_modules", name, "package.json")
  const { version }: { readonly version: string } = JSON.parse(fs.readFileSync(manifest, "utf8"))
  return version
}

const named = (name: string, client: Library["client"]): Library => ({ name: `${name} ${versionOf(name)}`, client })

/** Ours is the first. */
export const libraries: ReadonlyArray<Library> = [
  { name: "@holdfast/mcp", client: async () => (await import("../../interop/support/ourClient.ts")).ourClient },
  named("@modelcontextprotocol/sdk", async () => (await import("../../interop/support/sdkClients.ts")).sdkV1),
  named("@modelcontextprotocol/client", async () => (await import("../../interop/support/sdkClients.ts")).sdkV2),
  {
    ...named("effect", async () => (await import("../../interop/support/effectClient.ts")).effectClient),
    name: `effect/ai ${versionOf("effect")}`
  },
  named("mcporter", async () => (await import("../../interop/support/mcporter.ts")).mcporter),
  named("@ai-sdk/mcp", async () => (await import("../../interop/support/aiSdk.ts")).aiSdk),
  named("@mastra/mcp", async () => (await import("../../interop/support/mastra.ts")).mastra),
  named("@langchain/mcp-adapters", async () => (await import("../../interop/support/langChain.ts")).langChain),
  named("@openai/agents", async () => (await import("../../interop/support/openAiAgents.ts")).openAiAgents),
  named("mcp-use", async () => (await import("../../interop/support/mcpUse.ts")).mcpUse)
]
