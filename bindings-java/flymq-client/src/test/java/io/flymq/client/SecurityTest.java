package io.flymq.client;

import static io.flymq.client.Fixtures.bytes;
import static io.flymq.client.Fixtures.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.flymq.client.errors.AuthFailedException;
import io.flymq.client.errors.DecryptionFailedException;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.InvalidArgumentException;
import io.flymq.client.errors.InvalidRequestException;
import io.flymq.client.errors.NotAuthorizedException;
import io.flymq.client.errors.SessionException;
import io.flymq.client.errors.TlsFailedException;
import io.flymq.client.errors.UnknownEncryptionKeyException;
import io.flymq.client.errors.UnknownUserException;
import io.flymq.client.errors.UserExistsException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecurityTest {
  private static final char[] SECRET = "changeit".toCharArray();

  @TempDir Path folder;

  /** A certificate that signs itself, and its key, in PEM form. */
  private record Identity(String certificate, String key) {}

  private Identity identity(String name)
      throws IOException, GeneralSecurityException, InterruptedException {
    Path store = folder.resolve(name + ".p12");
    String keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    Process made =
        new ProcessBuilder(
                List.of(
                    keytool, "-genkeypair", "-alias", name, "-keyalg", "EC", "-dname", "CN=" + name,
                    "-ext", "san=ip:127.0.0.1", "-storetype", "PKCS12", "-keystore",
                    store.toString(), "-storepass", new String(SECRET)))
            .inheritIO()
            .start();
    assertEquals(0, made.waitFor());
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, SECRET);
    }
    return new Identity(
        pem("CERTIFICATE", keys.getCertificate(name).getEncoded()),
        pem("PRIVATE KEY", keys.getKey(name, SECRET).getEncoded()));
  }

  private static String pem(String what, byte[] der) {
    String body = Base64.getMimeEncoder(64, bytes("\n")).encodeToString(der);
    return "-----BEGIN " + what + "-----\n" + body + "\n-----END " + what + "-----\n";
  }

  @Test
  void tlsSecuresConnectionsOnBothSides() throws Exception {
    Identity server = identity("server");
    Identity ada = identity("ada");
    Path certificate = Files.writeString(folder.resolve("server.pem"), server.certificate());
    Path key = Files.writeString(folder.resolve("server.key"), server.key());
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder()
            .tls(certificate, key)
            .tlsClientCaPem(ada.certificate(), EmbeddedBroker.ClientAuth.REQUIRED)
            .start()) {
      FlyMQClientBuilder trusting =
          FlyMQClient.builder()
              .addresses("flymqs://" + broker.address())
              .tlsCa(certificate)
              .connectTimeout(Duration.ofSeconds(2));
      assertThrows(FlyMQException.class, trusting::connect);
      try (FlyMQClient client =
          trusting
              .tlsCertificatePem(ada.certificate(), ada.key().toCharArray())
              .tlsMinVersion("1.3")
              .connect()) {
        client.createTopic("t", 1);
        assertEquals(0, client.produce("t", "x").offset());
      }
    }
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder().tlsPem(server.certificate(), server.key()).start()) {
      FlyMQClientBuilder stranger =
          FlyMQClient.builder().addresses("flymqs://" + broker.address());
      assertThrows(TlsFailedException.class, stranger::connect);
    }
    assertThrows(
        InvalidArgumentException.class,
        () -> EmbeddedBroker.builder().tlsPem(server.certificate(), "no key").start());
  }

  @Test
  void usersLogIn() throws IOException {
    try (Served broker = Served.guarded("ada", "lovelace".toCharArray())) {
      try (FlyMQClient client =
          FlyMQClient.builder()
              .addresses(broker.address())
              .credentials("ada", "lovelace".toCharArray())
              .saslMechanism(Mechanism.SCRAM_SHA_256)
              .connect()) {
        WhoAmI ada = client.whoami();
        assertEquals("ada", ada.principal());
        assertEquals("SCRAM-SHA-256", ada.mechanism());
        assertEquals(List.of("admin"), ada.roles());
        assertTrue(ada.expiresIn().compareTo(Duration.ofHours(1)) <= 0, ada::toString);
      }
      Path file = Files.writeString(folder.resolve("password"), "lovelace\n");
      FlyMQClient.builder().addresses(broker.address()).credentials("ada", file).connect().close();
      FlyMQException error =
          assertThrows(
              AuthFailedException.class,
              () ->
                  FlyMQClient.builder()
                      .addresses(broker.address())
                      .credentials("ada", "byron".toCharArray())
                      .connect());
      assertFalse(error.getMessage().contains("byron"), error.getMessage());
      assertThrows(SessionException.class, () -> FlyMQClient.connect(broker.address()));
    }
  }

  @Test
  void usersAndRulesAreAdministered() {
    char[] secret = "byron".toCharArray();
    try (Served broker = Served.guarded("root", SECRET);
        FlyMQClient root = loggedIn(broker, "root", SECRET)) {
      Admin admin = root.admin();
      admin.createTopic(NewTopic.of("orders-eu", 1));
      Acl reads = Acl.allow("role:tester", Acl.Operation.READ, Acl.Resource.TOPIC, "orders-eu");
      UserChange ada = UserChange.of("ada").withPassword(secret).withRoles("tester");
      assertFalse(ada.toString().contains("byron"));
      admin.createUser(ada);
      assertThrows(UserExistsException.class, () -> admin.createUser(ada));
      assertThrows(UnknownUserException.class, () -> admin.alterUser(UserChange.of("nobody")));
      assertTrue(admin.upsertUser(UserChange.of("eve").withCertificate("CN=eve")));
      assertFalse(admin.upsertUser(UserChange.of("eve").withRoles("reader")));
      assertEquals(
          List.of(
              new UserInfo("ada", List.of("tester"), true, ""),
              new UserInfo("eve", List.of("reader"), false, "CN=eve"),
              new UserInfo("root", List.of("admin"), true, "")),
          admin.listUsers());

      try (FlyMQClient client = loggedIn(broker, "ada", secret)) {
        assertThrows(NotAuthorizedException.class, () -> client.produce("orders-eu", "x"));
        assertThrows(NotAuthorizedException.class, client.admin()::listUsers);
        Acl writes = Acl.allow("user:ada", Acl.Operation.WRITE, Acl.Resource.TOPIC, "orders-");
        assertEquals(2, admin.addAcls(writes.prefixed(), reads));
        assertEquals(0, admin.addAcls(reads));
        client.produce("orders-eu", "x");
        assertEquals("x", text(client.consume("orders-eu", 0, 0).orElseThrow().value()));

        Acl denied = Acl.deny("*", Acl.Operation.READ, Acl.Resource.TOPIC, "*");
        admin.addAcls(denied);
        assertThrows(NotAuthorizedException.class, () -> client.consume("orders-eu", 0, 0));
        AclFilter any = AclFilter.any();
        assertEquals(List.of(denied), admin.removeAcls(any.withPermission(Acl.Permission.DENY)));
        assertEquals(List.of(reads), admin.listAcls(AclFilter.of(reads)));
        assertEquals(List.of(reads), admin.listAcls(any.withName("orders-eu")));
        AclFilter prefixes =
            any.withPattern(Acl.Pattern.PREFIX)
                .withResource(Acl.Resource.TOPIC)
                .withOperation(Acl.Operation.WRITE)
                .withPrincipal("user:ada");
        assertEquals(List.of(writes.prefixed()), admin.listAcls(prefixes));
        assertEquals(List.of(), admin.listAcls(prefixes.withPrincipal("user:eve")));
        assertThrows(
            InvalidRequestException.class,
            () -> admin.addAcls(Acl.allow("ada", Acl.Operation.READ, Acl.Resource.TOPIC, "t")));

        admin.alterUser(UserChange.of("ada").withPassword("lovelace".toCharArray()));
        assertThrows(AuthFailedException.class, () -> loggedIn(broker, "ada", secret));
      }
      admin.deleteUser("ada");
      assertThrows(UnknownUserException.class, () -> admin.deleteUser("ada"));
      assertEquals(List.of(reads), admin.listAcls(AclFilter.any()));
    }
  }

  private static FlyMQClient loggedIn(Served broker, String user, char[] password) {
    return FlyMQClient.builder()
        .addresses(broker.address())
        .credentials(user, password)
        .connect();
  }

  @Test
  void recordsAreEncryptedFromEndToEnd() {
    byte[] first = Keyring.generateKey();
    byte[] second = Keyring.generateKey();
    Keyring keyring = Keyring.of("2025", first);
    assertTrue(keyring.toString().contains("2025"));
    assertThrows(InvalidArgumentException.class, () -> Keyring.of("short", new byte[5]));
    assertThrows(InvalidArgumentException.class, () -> keyring.add("2025", second));
    assertThrows(InvalidArgumentException.class, () -> keyring.encryptWith("2026"));
    try (Served broker = Served.start();
        FlyMQClient sealing =
            FlyMQClient.builder()
                .addresses(broker.address())
                .encryption(keyring)
                .encryptHeaders(true)
                .connect();
        FlyMQClient plain = FlyMQClient.connect(broker.address());
        FlyMQClient looking =
            FlyMQClient.builder().addresses(broker.address()).decrypt(false).connect()) {
      sealing.createTopic("payments", 1);
      ProducerRecord<byte[], byte[]> record =
          ProducerRecord.of("payments", bytes("k"), bytes("4711 EUR")).withHeader("h", "secret");
      sealing.produce(record);
      ConsumerRecord<byte[], byte[]> opened = sealing.consume("payments", 0, 0).orElseThrow();
      assertEquals("4711 EUR", text(opened.value()));
      assertEquals("secret", opened.headers().text("h"));
      assertThrows(
          UnknownEncryptionKeyException.class, () -> plain.consume("payments", 0, 0));
      ConsumerRecord<byte[], byte[]> stored = looking.consume("payments", 0, 0).orElseThrow();
      assertFalse(stored.toString().contains("secret"));
      assertFalse(text(stored.value()).contains("4711"));

      keyring.add("2026", second);
      keyring.encryptWith("2026");
      sealing.produce(record);
      assertEquals(List.of("2025", "2026"), keyring.ids());
      Keyring newer = Keyring.parse(("2026:" + hex(second)).toCharArray());
      try (FlyMQClient reader =
          FlyMQClient.builder().addresses(broker.address()).encryption(newer).connect()) {
        assertEquals("4711 EUR", text(reader.consume("payments", 0, 1).orElseThrow().value()));
        assertThrows(
            UnknownEncryptionKeyException.class, () -> reader.consume("payments", 0, 0));
      }
      try (FlyMQClient strict =
          FlyMQClient.builder()
              .addresses(broker.address())
              .encryptionKey(hex(first).toCharArray())
              .refusePlain(true)
              .connect()) {
        plain.produce("payments", "plain");
        assertThrows(
            DecryptionFailedException.class, () -> strict.consume("payments", 0, 2));
      }
    }
  }

  static String hex(byte[] bytes) {
    return java.util.HexFormat.of().formatHex(bytes);
  }
}
