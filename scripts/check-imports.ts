/**
 * Fails on an import that the map of the house does not allow, and on cycles. The rules: `imports/ImportRules.ts`.
 */
import * as Path from "node:path"
import { importDirections } from "./imports/ImportDirections.ts"
import { checkImports } from "./imports/ImportRules.ts"

const { files, imports, violations } = checkImports(Path.resolve(import.meta.dirname, ".."), importDirections)
for (const { message, place } of violations) console.error(`${place}  ${message}`)
console.log(`${imports} imports in ${files} files: ${violations.length} against the rules`)
process.exitCode = violations.length === 0 ? 0 : 1
