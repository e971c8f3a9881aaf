const whole = /^\s*\$\{[A-Za-z_][A-Za-z0-9_]*\}\s*$/;
const ending = /[/?#@&\s\\]/;
const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces `${NAME}` in a URL by environment variables. In the user and password part the values
 * are percent-encoded, so a password may hold any character; a value behind it that would end its part
 * of the URL is unfit. A text that is one variable and nothing else is the whole URL. Returns the names
 * that are not set, and those that are unfit.
 */
export function substituteEnvironment(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): {
  readonly text: string;
  readonly missing: readonly string[];
  readonly unfit: readonly string[];
} {
  const missing: string[] = [];
  const unfit: string[] = [];
  const isWhole = whole.test(text);
  const fill = (part: string, encode: (value: string, name: string) => string) =>
    part.replace(variable, (_, name: string) => {
      const value = environment[name];
      if (value === undefined) missing.push(name);
      return encode(value ?? '', name);
    });
  const credentialsEnd = text.lastIndexOf('@') + 1;
  const filled =
    fill(text.slice(0, credentialsEnd), (value) => encodeURIComponent(value)) +
    fill(text.slice(credentialsEnd), (value, name) => {
      if (!isWhole && ending.test(value)) unfit.push(name);
      return value;
    });
  return { text: filled, missing, unfit };
}
