import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class CoroutinesTest {
    @Test
    fun `what coroutines send comes back`() {
        assertEquals((0 until 100).map { "click $it" }, sendAndCollect(100))
    }
}
