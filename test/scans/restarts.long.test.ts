import { mcpc } from "../interop/support/mcpc.ts"
import { define, defineUnattended } from "./restartsTests.ts"
import { withoutNewSessions } from "./support/withoutNewSessions.ts"

for (const client of [...withoutNewSessions, mcpc]) {
  define([client], 3, ".")
  defineUnattended([client], ".")
}
