/** Takes the lock that is named, says so, and waits to be killed. */
import * as DaemonLock from "../../src/DaemonLock.ts"

const lock = DaemonLock.tryTake(process.argv[2] ?? "")
process.stdout.write(lock === undefined ? "held by another\n" : "taken\n")
setInterval(() => lock, 60_000)
