/** The contract of our hosts, for clients from npm that bring much with them. */
import { holdsFor } from "./support/contract.ts"
import { langChain } from "./support/langChain.ts"
import { mastra } from "./support/mastra.ts"
import { mcpc } from "./support/mcpc.ts"
import { mcporter } from "./support/mcporter.ts"
import { mcpUse } from "./support/mcpUse.ts"

for (const client of [langChain, mastra, mcporter, mcpUse, mcpc]) holdsFor(client)
