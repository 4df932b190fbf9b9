//! One definition for the two classes of Python, the blocking one and that of asyncio.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, ItemImpl, Pat,
    PathArguments, Result, ReturnType, Token, Type,
};

/// Makes each function of the block a method of two classes of Python: `#[mirrored(Blocking, Asyncio)]`.
///
/// The block belongs to what stands behind both classes. Its functions take `self` and arguments
/// that Python's convert to, and return a `Result` that converts to Python's:
///
/// - `async fn`: the blocking method waits for it, the other one returns an awaitable. `#[quick]`
///   says that it takes short steps and is often ready at once, which is then tried first.
/// - `fn` without `self`, returning a `PyResult<Op<Self, T>>`: it prepares a call when the method is
///   called, with the GIL.
/// - `fn`: both methods call it; with `#[getter]` it is a property.
/// - `#[opens(Blocking, Asyncio)] async fn`: what it returns becomes an object of one of these two
///   classes, by their functions `opened`.
/// - `#[new] fn`, without `self`: both classes are constructed from what it returns, by their functions
///   `open`, which takes the GIL too, and `unconnected`. Its first argument may be the GIL, `py`.
///
/// Documentation and `#[pyo3(…)]` go to both methods. The classes have a field `handle` with the
/// functions `wait`, `wait_unless_ready`, `wait_open` and `with`, or `call`, `call_quick`, `call_open`
/// and `with`.
#[proc_macro_attribute]
pub fn mirrored(classes: TokenStream, block: TokenStream) -> TokenStream {
    expand(classes, block).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(classes: TokenStream, block: TokenStream) -> Result<Tokens> {
    let (blocking, asyncio) = two_classes.parse(classes)?;
    let mut block: ItemImpl = syn::parse(block)?;
    let behind = block.self_ty.clone();
    let mut blocking_methods = Vec::new();
    let mut asyncio_methods = Vec::new();
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            return Err(Error::new_spanned(item, "only functions can be mirrored"));
        };
        let method = Method::take(function)?;
        blocking_methods.push(method.blocking(&behind));
        asyncio_methods.push(method.asyncio(&behind, &asyncio));
    }
    Ok(quote! {
        #block

        #[::pyo3::pymethods]
        impl #blocking { #(#blocking_methods)* }

        #[::pyo3::pymethods]
        impl #asyncio { #(#asyncio_methods)* }
    })
}

fn two_classes(input: ParseStream<'_>) -> Result<(Ident, Ident)> {
    let blocking = input.parse()?;
    input.parse::<Token![,]>()?;
    Ok((blocking, input.parse()?))
}

struct Method {
    name: Ident,
    /// Documentation and signature.
    attributes: Vec<Attribute>,
    parameters: Vec<FnArg>,
    arguments: Vec<Ident>,
    returns: Type,
    is_async: bool,
    is_quick: bool,
    is_new: bool,
    is_prepared: bool,
    /// The classes of what it opens.
    opens: Option<(Ident, Ident)>,
}

impl Method {
    /// Reads the function, and takes the attributes that are not for the compiler.
    fn take(function: &mut ImplItemFn) -> Result<Self> {
        let is = |attribute: &Attribute, names: &[&str]| {
            names.iter().any(|name| attribute.path().is_ident(name))
        };
        let has = |name| function.attrs.iter().any(|a| is(a, &[name]));
        let (is_quick, is_new) = (has("quick"), has("new"));
        let attributes =
            function.attrs.iter().filter(|a| is(a, &["doc", "pyo3", "getter"])).cloned().collect();
        let opens = function.attrs.iter().find(|a| is(a, &["opens"]));
        let opens = opens.map(|a| a.parse_args_with(two_classes)).transpose()?;
        function.attrs.retain(|a| !is(a, &["pyo3", "getter", "quick", "new", "opens"]));
        let signature = &function.sig;
        let has_self = signature.receiver().is_some();
        let mut parameters: Vec<_> =
            signature.inputs.iter().skip(usize::from(has_self)).cloned().collect();
        let arguments = parameters.iter().map(argument).collect::<Result<Vec<_>>>()?;
        if arguments.first().is_some_and(|first| first == "py") {
            parameters.remove(0);
        }
        let returned = returned(&signature.output)?;
        Ok(Self {
            name: signature.ident.clone(),
            attributes,
            parameters,
            arguments,
            returns: if has_self || is_new { returned } else { argument_of("Op", &returned)? },
            is_async: signature.asyncness.is_some(),
            is_quick,
            is_new,
            is_prepared: !has_self && !is_new,
            opens,
        })
    }

    fn blocking(&self, behind: &Type) -> Tokens {
        let Self { name, attributes, parameters, arguments, returns, .. } = self;
        if self.is_new {
            return quote! {
                #[new]
                #(#attributes)*
                fn #name(
                    py: ::pyo3::Python<'_>,
                    #(#parameters),*
                ) -> ::pyo3::PyResult<Self> {
                    Self::open(py, <#behind>::#name(#(#arguments),*)?)
                }
            };
        }
        if self.is_prepared {
            return quote! {
                #(#attributes)*
                fn #name(
                    &self,
                    py: ::pyo3::Python<'_>,
                    #(#parameters),*
                ) -> ::pyo3::PyResult<#returns> {
                    self.handle.run(py, <#behind>::#name(#(#arguments),*)?)
                }
            };
        }
        if let Some((class, _)) = &self.opens {
            return quote! {
                #(#attributes)*
                fn #name(
                    &self,
                    py: ::pyo3::Python<'_>,
                    #(#parameters),*
                ) -> ::pyo3::PyResult<#class> {
                    let opened =
                        self.handle.wait_open(py, |this| <#behind>::#name(this, #(#arguments),*))?;
                    Ok(#class::opened(opened))
                }
            };
        }
        let wait = match (self.is_async, self.is_quick) {
            (false, _) => quote!(with),
            (true, false) => quote!(wait),
            (true, true) => quote!(wait_unless_ready),
        };
        quote! {
            #(#attributes)*
            fn #name(
                &self,
                py: ::pyo3::Python<'_>,
                #(#parameters),*
            ) -> ::pyo3::PyResult<#returns> {
                self.handle.#wait(py, |this| <#behind>::#name(this, #(#arguments),*))
            }
        }
    }

    fn asyncio(&self, behind: &Type, class: &Ident) -> Tokens {
        let Self { name, attributes, parameters, arguments, returns, .. } = self;
        if self.is_new {
            return quote! {
                #[new]
                #(#attributes)*
                fn #name(
                    py: ::pyo3::Python<'_>,
                    #(#parameters),*
                ) -> ::pyo3::PyResult<Self> {
                    let _ = py;
                    <#behind>::#name(#(#arguments),*).map(Self::unconnected)
                }
            };
        }
        let full_name = format!("{class}.{name}");
        if self.is_prepared {
            return quote! {
                #(#attributes)*
                fn #name(&self, #(#parameters),*) -> ::pyo3::PyResult<crate::asyncio::Call> {
                    Ok(self.handle.run(#full_name, <#behind>::#name(#(#arguments),*)?))
                }
            };
        }
        if !self.is_async {
            return self.blocking(behind);
        }
        if let Some((_, class)) = &self.opens {
            return quote! {
                #(#attributes)*
                fn #name(&self, #(#parameters),*) -> crate::asyncio::Call {
                    let work = move |this| <#behind>::#name(this, #(#arguments),*);
                    self.handle.call_open(#full_name, work, |py, opened| {
                        crate::step::value(py, #class::opened(py, opened)?)
                    })
                }
            };
        }
        let call = if self.is_quick { quote!(call_quick) } else { quote!(call) };
        let is_unit = matches!(returns, Type::Tuple(tuple) if tuple.elems.is_empty());
        let convert = if is_unit { quote!(none) } else { quote!(value) };
        quote! {
            #(#attributes)*
            fn #name(&self, #(#parameters),*) -> crate::asyncio::Call {
                let work = move |this| <#behind>::#name(this, #(#arguments),*);
                self.handle.#call(#full_name, work, crate::step::#convert)
            }
        }
    }
}

fn argument(parameter: &FnArg) -> Result<Ident> {
    match parameter {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => Ok(name.ident.clone()),
            other => Err(Error::new_spanned(other, "expected a name")),
        },
        FnArg::Receiver(receiver) => Err(Error::new_spanned(receiver, "expected an argument")),
    }
}

/// The `T` of `Result<T, …>` or `PyResult<T>`.
fn returned(output: &ReturnType) -> Result<Type> {
    let ReturnType::Type(_, returns) = output else {
        return Err(Error::new_spanned(output, "a mirrored function returns a Result"));
    };
    argument_of("Result", returns).or_else(|_| argument_of("PyResult", returns))
}

/// The type that a generic one is about: the last of `Op`'s, and the first of others'.
fn argument_of(generic: &str, of: &Type) -> Result<Type> {
    if let Type::Path(path) = of
        && let Some(last) = path.path.segments.last()
        && last.ident == generic
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
    {
        let argument = match generic {
            "Op" => arguments.args.last(),
            _ => arguments.args.first(),
        };
        if let Some(GenericArgument::Type(argument)) = argument {
            return Ok(argument.clone());
        }
    }
    Err(Error::new_spanned(of.to_token_stream(), format!("expected a {generic} of something")))
}
