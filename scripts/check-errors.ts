/** Fails when an error reason has no page in `docs/errors`, or a page no reason. The rules: `docs/ErrorReasons.ts`. */
import * as Path from "node:path"
import { checkErrorPages } from "./docs/ErrorReasons.ts"

const { reasons, violations } = checkErrorPages(Path.resolve(import.meta.dirname, ".."))
for (const { message, place } of violations) console.error(`${place}  ${message}`)
console.log(`${reasons} error reasons: ${violations.length} against the rules`)
process.exitCode = violations.length === 0 ? 0 : 1
