"""The networks under the microscope, and how the embedded ones were made."""
