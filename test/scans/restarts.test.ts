/**
 * All clients at once; the AI SDK's, too, whose progress stood still over a server's restart. Each of the others alone, and mcpc:
 * `restarts.long.test.ts`.
 */
import { aiSdk } from "../interop/support/aiSdk.ts"
import { define } from "./restartsTests.ts"
import { withoutNewSessions } from "./support/withoutNewSessions.ts"

define([...withoutNewSessions, aiSdk], 1, "dist")
