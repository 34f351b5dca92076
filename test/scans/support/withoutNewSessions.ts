import type { Client } from "../../interop/support/contract.ts"
import { effectClient } from "../../interop/support/effectClient.ts"
import { langChain } from "../../interop/support/langChain.ts"
import { mcpClient } from "../../interop/support/mcpClient.ts"
import { mcpUse } from "../../interop/support/mcpUse.ts"
import { sdkV1, sdkV2 } from "../../interop/support/sdkClients.ts"

/** The clients that never begin a new session after a 404, but for mcpc, of which each word costs a process. */
export const withoutNewSessions: ReadonlyArray<Client> = [sdkV1, sdkV2, langChain, mcpUse, mcpClient, effectClient]
