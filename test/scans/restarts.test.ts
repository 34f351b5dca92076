/** All clients at once. Each alone, and mcpc: `restarts.long.test.ts`. */
import { define } from "./restartsTests.ts"
import { withoutNewSessions } from "./support/withoutNewSessions.ts"

define(withoutNewSessions, 1, "dist")
