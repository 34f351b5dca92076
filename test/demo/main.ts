/**
 * `pnpm demo`. What takes its time to load comes after the first line.
 */
import { bold } from "./Stage.ts"

process.stdout.write(`${bold("Holdfast: connections to MCP servers that hold")}\n`)
const { main } = await import("./Story.ts")
main()
