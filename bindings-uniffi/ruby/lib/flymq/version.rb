# frozen_string_literal: true

module Flymq
  VERSION = "0.1.0"
end
