package io.flymq.examples;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every program runs, and prints what it is there to show. */
class ExamplesTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Quickstart | hello, world",
        "KeysAndPartitions | one user: 1 partition",
        "KeysAndPartitions | log lines: 6 partitions",
        "Batches | stored in all: 12000",
        "ConsumerGroup | processed 100",
        "ConsumerGroup | left to do: 0",
        "Transfers | debits that count: 1",
        "Transfers | debits in all: 2",
        "ExactlyOnce | cooked 100",
        "Encryption | a stranger is told UNKNOWN_ENCRYPTION_KEY",
        "Users | logged in as ada",
        "Json | bob wants Order[id=2, what=pears, amount=3]",
        "Pool | stored 100 with 4 clients at most",
      })
  void runs(String program, String printed) throws Exception {
    PrintStream out = System.out;
    ByteArrayOutputStream captured = new ByteArrayOutputStream();
    System.setOut(new PrintStream(captured, true));
    try {
      Class.forName("io.flymq.examples." + program)
          .getMethod("main", String[].class)
          .invoke(null, (Object) new String[0]);
    } finally {
      System.setOut(out);
    }
    assertTrue(captured.toString().contains(printed), captured.toString());
  }
}
