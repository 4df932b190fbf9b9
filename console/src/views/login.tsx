import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { logIn } from "../api";
import { Trouble } from "../components";
import { restart, useLogin } from "../store";

export function Login(): JSX.Element {
  const { problem } = useLogin();
  const [user, setUser] = useState("");
  const password = useRef<HTMLInputElement>(null);
  const submit = (event: Event): void => {
    event.preventDefault();
    logIn(user, password.current?.value ?? "");
    restart();
  };
  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" />
          FlyMQ
        </h1>
        {problem !== undefined && <Trouble problem={problem} />}
        <label>
          User
          <input
            name="user"
            autocomplete="username"
            autofocus
            required
            value={user}
            onInput={(event) => setUser(event.currentTarget.value)}
          />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required ref={password} />
        </label>
        <button type="submit">Log in</button>
        <p class="note">A user of the broker. The password is kept until the page is closed or loaded again.</p>
      </form>
    </main>
  );
}
