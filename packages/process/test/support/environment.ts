/** Prints its environment as JSON and exits, run as a child process. */
import process from "node:process"

process.stdout.write(JSON.stringify(process.env))
