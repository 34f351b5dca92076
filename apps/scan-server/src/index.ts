export * as Finding from "./Finding.ts"
export * as Sarif from "./Sarif.ts"
export * as Scanner from "./Scanner.ts"
export * as ScanRules from "./ScanRules.ts"
