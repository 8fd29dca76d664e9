export function missingStyle(script: string, style: string): [string, string][];
