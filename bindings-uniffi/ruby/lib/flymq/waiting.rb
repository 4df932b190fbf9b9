# frozen_string_literal: true

# Waiting for the library in ways of this client's own, in place of those that are generated. There its
# threads call Ruby, for which ffi has a thread that the child of a fork lacks; here they write to a pipe.
module Flymq
  WAKE = FFI::Function.new(
    :void, %i[uint64 int8], UniFFILib.ffi_libraries.first.find_function("flymq_uniffi_wake")
  )
  private_constant :WAKE

  # Waits for a future. Other threads run meanwhile, and other fibers under a scheduler; who interrupts it
  # ends the future.
  def self.uniffi_rust_call_async(future, poll, cancel, complete, free, lift, errors)
    reader, writer = IO.pipe
    waiting = false
    begin
      loop do
        # Each poll is answered by one byte: it must be known whether one is on its way.
        Thread.handle_interrupt(Exception => :never) do
          waiting = true
          UniFFILib.public_send(poll, future, WAKE, writer.fileno)
        end
        reader.wait_readable
        code = reader.getbyte
        waiting = false
        break if code == UNIFFI_RUST_FUTURE_POLL_READY
      end
      lift.call(errors ? rust_call_with_error(errors, complete, future) : rust_call(complete, future))
    ensure
      Thread.handle_interrupt(Exception => :never) do
        if waiting
          UniFFILib.public_send(cancel, future)
          # Its pipe must not be closed before.
          reader.getbyte
        end
        UniFFILib.public_send(free, future)
        reader.close
        writer.close
      end
    end
  end

  class UniffiHandleMap
    # As generated, but without a lock: garbage collection calls it, where none can be taken.
    def remove(handle) = @map.delete(handle)
  end
end
