import { define } from "./scansTests.ts"
import { smallestTree } from "./support/ScanServer.ts"

define("twenty megabytes", smallestTree)
